"""The endpoint at a steady pace for a long time: is every call answered, how soon, and does memory grow?

python -m benchmarks soak [--rate 300] [--seconds 1800] [--connections 32] [--server sqlite|redis] [--out FILE]
python -m benchmarks soak --rate 1000 --seconds 600

Calls for one account each come at `--rate` a second, in `--parts` parts; each part is a line as soon as it is over, so
what was measured before an end that nobody wanted is there. Memory is that of the server's processes, what they share
counted once; its growth is from the end of the first part, when all is warm, to the last. Ends with 1 after a call that
was not answered with 200, or a growth of 5 % or more. The load comes from one process beside the server: where the two
together can't keep the pace, `sent` says so.
"""

import json
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.endpoint.bare import bodies_asking
from benchmarks.endpoint.grid import GridServer, start_grid
from benchmarks.endpoint.http_load import LoadPlan, LoadResult, run_load
from benchmarks.options import new_parser

MOST_GROWTH = 0.05


def main() -> int:
    """Load a server part by part, and look at its memory."""
    parser = new_parser("soak", __doc__)
    parser.add_argument("--rate", type=float, default=300.0, help="calls a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1_800.0, help="how long in all (default: %(default)s)")
    parser.add_argument("--parts", type=int, default=30, help="lines of the table (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="(default: %(default)s)")
    parser.add_argument("--server", choices=("sqlite", "redis"), default="sqlite", help="its online store")
    parser.add_argument("--out", type=Path, help="file to which each part is added when it is over, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stillwatch-soak-") as scratch, ExitStack() as stack:
        servers, plain = start_grid(Path(scratch), stack, kinds=(options.server,))
        body, seconds = bodies_asking(plain), options.seconds / options.parts
        plan = LoadPlan(servers[-1].url, "/score", body, options.connections, seconds, options.rate)
        return soak(servers[-1], plan, options.parts, options.out)


def soak(server: GridServer, plan: LoadPlan, parts: int, out: Path | None) -> int:
    """Load a server; return the exit status."""
    memory, statuses = [], Counter[int]()
    for part in range(parts):
        load = run_load(plan)
        memory.append(server.memory())
        statuses += load.statuses
        line = json.dumps({"part": part + 1, **figures_of(load), "memory_mb": round(memory[-1], 1)})
        print(line, flush=True)
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        if load.example:
            print(f"    {load.example!r}", flush=True)
    growth = memory[-1] / memory[0] - 1
    slope = np.polyfit(range(parts), memory, 1)[0] * parts / memory[0] if parts > 1 else 0.0
    failed = statuses.total() - statuses[200]
    print(
        f"{server.name}: {statuses.total():,} calls, {failed} not answered with 200; memory {memory[0]:.0f} MB at the "
        f"end of the first part, {memory[-1]:.0f} MB in the end ({growth:+.1%}, by a line through all {slope:+.1%})"
    )
    return 1 if failed or growth >= MOST_GROWTH else 0


def figures_of(load: LoadResult) -> dict[str, object]:
    """The figures of a part."""
    p50, p99 = load.percentiles(50, 99)
    return {
        "sent_per_s": round(load.statuses.total() / load.seconds),
        "statuses": dict(load.statuses),
        "unavailable": load.unavailable,
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
