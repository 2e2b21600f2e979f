"""`POST /score` on SQLite and on Redis beside bare FastAPI: connections by accounts in a call.

python -m benchmarks endpoint [--seconds 2] [--out FILE]
python -m benchmarks endpoint --mlflow [--calls 2000]

Processor time is the server's alone, so it holds on a busy machine too; the load comes from another process. The second
call compares with `mlflow models serve`, one account over one connection.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.endpoint.bare import bodies_asking, fastapi_running, fill_store, make_model
from benchmarks.endpoint.http_load import LoadPlan, run_load
from benchmarks.endpoint.rivals import compare
from benchmarks.measure import log_step
from benchmarks.options import new_parser
from benchmarks.robustness.redis_server import RedisServer
from serving.package import package_model
from serving.server import Options, running_server
from training.models import model as models

CONNECTIONS, ACCOUNTS_A_CALL = (1, 8, 32), (1, 10, 100, 1_000)
BARE = "FastAPI, dict"


@dataclass(frozen=True)
class GridServer:
    """A server that runs: its name, its address and the processes that do its work."""

    name: str
    url: str
    processes: list[psutil.Process]

    def processor(self) -> float:
        """Processor seconds so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def memory(self) -> float:
        """Resident memory, in MB; what forks share counts once."""
        return float(sum(process.memory_full_info().pss for process in self.processes)) / 1e6


def main() -> None:
    """Measure the grid, or compare with MLflow."""
    parser = new_parser("endpoint", __doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each cell (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to which each cell is added when it is done")
    parser.add_argument("--mlflow", action="store_true", help="compare with MLflow instead")
    parser.add_argument("--calls", type=int, default=2_000, help="one-account calls to each quick server")
    options = parser.parse_args()
    if options.mlflow:
        compare(options.calls)
    else:
        measure_grid(options.seconds, options.out)


def measure_grid(seconds: float, out: Path | None) -> None:
    """Print a line for each cell as soon as it is measured."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-bench-") as scratch, ExitStack() as stack:
        servers, plain = start_grid(Path(scratch), stack)
        heads = ("calls", "calls/s", "p50 ms", "p95 ms", "p99 ms", "CPU us/call", "x bare")
        print(f"{'accounts, connections, server':<38}" + "".join(f"{head:>12}" for head in heads), flush=True)
        for accounts in ACCOUNTS_A_CALL:
            for connections in CONNECTIONS:
                bare = float("nan")
                for server in servers:
                    line, processor = measure_cell(server, accounts, connections, seconds, plain)
                    bare = processor if server.name == BARE else bare
                    row = f"{accounts:>5} {connections:>4} {server.name:<27}{line}{processor / bare:>12.2f}"
                    print(row, flush=True)
                    if out is not None:
                        with out.open("a", encoding="utf-8") as file:
                            file.write(row + "\n")


def measure_cell(
    server: GridServer, accounts: int, connections: int, seconds: float, rows: np.ndarray
) -> tuple[str, float]:
    """Load a server for a while; the cell's figures, and microseconds of processor time a call."""
    body = bodies_asking(rows, accounts)
    run_load(LoadPlan(server.url, "/score", body, connections, seconds / 5))  # warm up
    before = server.processor()
    load = run_load(LoadPlan(server.url, "/score", body, connections, seconds))
    calls = len(load.answered)
    processor = (server.processor() - before) / max(calls, 1) * 1e6
    others = {status: count for status, count in load.statuses.items() if status != 200}
    p50, p95, p99 = load.percentiles(50, 95, 99)
    line = f"{calls:>12}{calls / load.seconds:>12.0f}{p50:>12.2f}{p95:>12.2f}{p99:>12.2f}{processor:>12.0f}"
    return line + (f" others {others} {load.example!r}" if others else ""), processor


def start_grid(
    scratch: Path, stack: ExitStack, kinds: Sequence[str] = ("bare", "sqlite", "redis")
) -> tuple[list[GridServer], np.ndarray]:
    """Start servers, bare FastAPI first; return them, and the rows of accounts without reasons."""
    log_step("making a model, stores and servers")
    model, matrix = make_model()
    models.save(model, scratch / "model")
    np.save(scratch / "features.npy", matrix)
    bento = package_model(scratch / "model", scratch / "bentos")
    servers = []
    if "bare" in kinds:
        with _started() as processes:
            url = stack.enter_context(fastapi_running(scratch))
        servers.append(GridServer(BARE, url, processes))
    if "sqlite" in kinds:
        fill_store(scratch / "store", matrix)
        with _started() as processes:
            url = stack.enter_context(running_server(bento, Options(scratch / "store"), log=scratch / "sqlite.log"))
        servers.append(GridServer("stillwatch, SQLite", url, processes))
    if "redis" in kinds and shutil.which("redis-server"):
        redis = RedisServer(scratch)
        stack.callback(redis.end)
        fill_store(scratch / "redis", matrix, redis.url)
        options = Options(scratch / "redis", redis.url)
        with _started() as processes:
            url = stack.enter_context(running_server(bento, options, log=scratch / "redis.log"))
        servers.append(GridServer("stillwatch, Redis", url, processes))
    return servers, np.flatnonzero(model.predict(matrix) < model.review_threshold)


@contextmanager
def _started() -> Iterator[list[psutil.Process]]:
    """The processes that start while the block runs; the list is filled at its end."""
    before, started = {each.pid for each in psutil.Process().children(recursive=True)}, list[psutil.Process]()
    yield started
    time.sleep(0.2)
    started += [each for each in psutil.Process().children(recursive=True) if each.pid not in before]


if __name__ == "__main__":
    main()
