"""`python -m benchmarks WHAT`: measure one thing, or `all` that needs no real data."""

import os
import subprocess
import sys
from pathlib import Path

ALL = ("ingest", "rollups", "build", "endpoint", "worlds", "campaigns", "day")
REAL = ("real_input", "judging", "poisoning", "fingerprint", "columns", "structure", "early")
ALONE = ("kills",)  # takes half an hour of retrainings
# These fit two models at a time; more threads within each would only wait for one another.
ONE_THREAD = {"judging", "poisoning", "fingerprint", "columns", "structure", "early"}


def main() -> int:
    """Run each measurement in a process of its own, so that its memory peak is its own."""
    what, *rest = sys.argv[1:] or ["all"]
    known = (*ALL, *REAL, *ALONE)
    if what not in ("all", *known):
        print(f"benchmarks: {what!r} is not known: expected all, {', '.join(known)}", file=sys.stderr)
        return 2
    root = Path(__file__).resolve().parent.parent
    for name in ALL if what == "all" else (what,):
        limit = {"OMP_THREAD_LIMIT": "1"} if name in ONE_THREAD else {}
        call = [sys.executable, "-m", f"benchmarks.{name}", *rest]
        status = subprocess.run(call, cwd=root, check=False, env=os.environ | limit).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
