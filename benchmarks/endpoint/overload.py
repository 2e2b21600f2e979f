"""The endpoint at five times its capacity: how many calls are answered, how soon, and how soon all is normal again.

python -m benchmarks overload [--seconds 15] [--times 5] [--connections 256] [--out FILE]

First the capacity is measured with 32 connections, then calls for one account each come at `--times` that pace.
Answered calls should be 90 % of the capacity or more with a p99 below 250 ms, and all others get 429; afterwards a call
should take what it took before within five seconds. Memory is that of the server. A soak is `--seconds 1800 --times 1`.
The load comes from one process beside the server, so on few processors both share them; of a second of the server's own
processor time the share of answers holds on a busy machine too.
"""

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.endpoint.bare import bodies_asking
from benchmarks.endpoint.grid import GridServer, start_grid
from benchmarks.endpoint.http_load import LoadPlan, LoadResult, run_load
from benchmarks.options import new_parser

NORMAL = 2.0  # times the median before the overload


def main() -> int:
    """Measure the capacity, overload, recover."""
    parser = new_parser("overload", __doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the overload (default: %(default)s)")
    parser.add_argument("--times", type=float, default=5.0, help="pace over capacity (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=256, help="of the overload (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to which each row is added when it is done, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stillwatch-overload-") as scratch, ExitStack() as stack:
        servers, plain = start_grid(Path(scratch), stack)
        for server in servers[1:]:
            figures = overload(server, plain, options.seconds, options.times, options.connections)
            print(json.dumps(figures), flush=True)
            if options.out:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(figures) + "\n")
    return 0


def overload(server: GridServer, rows: np.ndarray, seconds: float, times: float, connections: int) -> dict[str, object]:
    """Overload one server; its figures."""
    body = bodies_asking(rows)
    plan = LoadPlan(server.url, "/score", body, 32, max(3.0, seconds / 5))
    run_load(plan)
    before = server.processor()
    usual = run_load(plan)
    usual_processor = server.processor() - before
    capacity, memory = len(usual.answered) / usual.seconds, server.memory()
    alone = run_load(LoadPlan(server.url, "/score", body, 1, 1.0))
    before = server.processor()
    over = run_load(LoadPlan(server.url, "/score", body, connections, seconds, capacity * times))
    over_processor = server.processor() - before
    normal = seconds_to_normal(server, rows, alone)
    sent = sum(over.statuses.values())
    p50, p99 = over.percentiles(50, 99)
    refused_p99 = float(np.percentile(over.refused, 99)) * 1e3 if over.refused else float("nan")
    return {
        "server": server.name,
        "capacity_per_s": round(capacity),
        "sent_per_s": round(sent / over.seconds),
        "answered_per_s": round(len(over.answered) / over.seconds),
        "answered_of_capacity": round(len(over.answered) / over.seconds / capacity, 3),
        "answered_of_capacity_by_processor_time": round(
            len(over.answered) / over_processor / (len(usual.answered) / usual_processor), 3
        ),
        "statuses": dict(over.statuses),
        "unavailable": over.unavailable,
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "refused_p99_ms": round(refused_p99, 1),
        "normal_after_s": round(normal, 1),
        "memory_mb": [round(memory), round(server.memory())],
    }


def seconds_to_normal(server: GridServer, rows: np.ndarray, alone: LoadResult) -> float:
    """Seconds until a median of calls is what it was, at most 30."""
    begin, (usual,) = time.monotonic(), alone.percentiles(50)
    while time.monotonic() - begin < 30:
        (now,) = run_load(LoadPlan(server.url, "/score", bodies_asking(rows), 1, 0.3)).percentiles(50)
        if now <= NORMAL * usual:
            break
    return time.monotonic() - begin


if __name__ == "__main__":
    sys.exit(main())
