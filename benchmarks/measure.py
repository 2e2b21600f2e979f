"""Wall time and memory of a call in a process of its own, and a table of them."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measured:
    """Seconds of wall time and peak resident memory in GB."""

    seconds: float
    peak: float


def in_process(module: str, *arguments: str) -> Measured:
    """Run `python -m module arguments`, which calls `report` at its end."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def report(step: Callable[[], object]) -> None:
    """Time one call and print seconds and the process's peak memory."""
    begin = time.perf_counter()
    step()
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "peak": _peak()}))


def _peak() -> float:
    """Peak resident memory of this program in GB; `ru_maxrss` would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e6


def table(title: str, rows: Iterable[tuple[str, Measured, int]], floor: float) -> None:
    """Print steps with their rates and their time as a multiple of the floor's."""
    print(f"\n{title}")
    print(f"{'':<34}{'seconds':>9}{'per second':>14}{'x floor':>9}{'peak GB':>9}")
    for name, measured, count in rows:
        rate = count / measured.seconds
        print(f"{name:<34}{measured.seconds:>9.2f}{rate:>14,.0f}{measured.seconds / floor:>9.1f}{measured.peak:>9.2f}")
