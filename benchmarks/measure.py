"""Wall time, processor time and memory of a call in a process of its own, and a table of them."""

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STILLWATCH = Path(sys.executable).with_name("stillwatch")  # the program, as it is installed


@dataclass(frozen=True)
class Usage:
    """Wall time and processor time of all threads, both in seconds, and peak resident memory in GB."""

    seconds: float
    peak: float
    processor: float = math.nan


def usage_of(module: str, *arguments: str) -> Usage:
    """The usage of `python -m module arguments`, which must call `print_usage` at its end."""
    process = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{process.stderr}")
    return Usage(**json.loads(process.stdout.splitlines()[-1]))


def print_usage(step: Callable[[], object]) -> None:
    """Make one call; print its wall and processor time, and the process's peak memory, as JSON."""
    begin, worked = time.perf_counter(), time.process_time()
    step()
    seconds, processor = time.perf_counter() - begin, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "peak": _peak(), "processor": processor}))


def _peak() -> float:
    """Peak resident memory of this program in GB; `ru_maxrss` would count the parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1e6


def print_usage_table(title: str, rows: Iterable[tuple[str, Usage, int]], floor: float) -> None:
    """Print steps with their rates and their time as a multiple of the floor's."""
    print(f"\n{title}")
    print(f"{'':<34}{'seconds':>9}{'per second':>14}{'x floor':>9}{'peak GB':>9}{'CPU us each':>13}")
    for name, measured, count in rows:
        rate = count / measured.seconds
        times_floor, each = measured.seconds / floor, measured.processor / count * 1e6
        print(f"{name:<34}{measured.seconds:>9.2f}{rate:>14,.0f}{times_floor:>9.1f}{measured.peak:>9.2f}{each:>13.1f}")


def log_step(message: str) -> None:
    """Say on standard error what begins or ended, with the time of day."""
    print(f"  {time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)
