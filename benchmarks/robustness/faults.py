"""What the endpoint answers while its store or its worker breaks: right, degraded, or wrong?

python -m benchmarks faults [--rounds 3] [--seconds 2] [--only redis|proxy|sqlite|worker] [--out FILE]

A real server is asked all the time for accounts whose risks are known, and for strangers. A wrong answer is another
risk, a stranger made of an account, or an account made of a stranger; there must be none. Each fault happens `--rounds`
times and lasts `--seconds`; then it is mended as an operator would, by `build` where rows are lost. A row of the table
is written to `--out` when its fault is done. Ends with 1 after a wrong answer.
"""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

from benchmarks.endpoint.bare import fill_store, make_model
from benchmarks.measure import ROOT, log_step
from benchmarks.options import new_parser
from benchmarks.robustness.fault_proxy import fault_proxy
from benchmarks.robustness.probing import AnswerTally, Prober
from benchmarks.robustness.redis_server import RedisServer
from features.store.lookup import FeatureLookup
from serving.package import package_model
from serving.server import HOST, Options, running_server
from training.models import model as models

RECOVERY = 30.0  # seconds that are waited for the first right answer
QUIET = 0.5  # seconds without a bad answer after which the server has recovered
Fault = tuple[Callable[[], object], Callable[[], object]]


@dataclass
class Bench:
    """What all faults share.

    Attributes:
        scratch: a folder of the run's own.
        rounds: how often each fault happens.
        seconds: how long it lasts.
        out: file of the rows that are done; None for none.
        wrong: how many wrong answers there were.
    """

    scratch: Path
    rounds: int
    seconds: float
    out: Path | None
    wrong: int = 0

    def __post_init__(self) -> None:
        self.model, self.matrix = make_model()
        models.save(self.model, self.scratch / "model")
        self.bento = package_model(self.scratch / "model", self.scratch / "bentos")
        self.risks = {f"account-{row}": risk for row, risk in enumerate(self.model.predict(self.matrix).tolist())}

    def run(self, prober: Prober, name: str, fault: Fault) -> None:
        """Let something break and mend it, some times over; print what was answered."""
        breaks, mends = fault
        time.sleep(QUIET)
        prober.restart()
        recoveries = []
        for _ in range(self.rounds):
            breaks()
            time.sleep(self.seconds)
            mends()
            recoveries.append(self._recovery(prober, time.monotonic()))
        self._report(name, prober.restart(), max(recoveries))

    def _recovery(self, prober: Prober, mended: float) -> float:
        """Seconds until a call is answered rightly, after which all others are for a while."""
        right_at = None
        while (now := time.monotonic()) - mended < RECOVERY:
            is_right = prober.last_right > max(mended, prober.last_bad)
            right_at = (right_at or now) if is_right else None
            if right_at is not None and now - right_at >= QUIET:
                return right_at - mended
            time.sleep(0.02)
        return RECOVERY

    def _report(self, name: str, tally: AnswerTally, recovery: float) -> None:
        counts = {key: tally.counts[key] for key in ("sent", "answered", "degraded", "refused", "lost", "wrong")}
        self.wrong += counts["wrong"]
        print(
            f"{name:<34}" + "".join(f"{count:>9}" for count in counts.values()),
            f"{recovery:>9.1f} {tally.livez * 1e3:>9.0f} {tally.stall * 1e3:>9.0f} {tally.slowest * 1e3:>9.0f}",
            f" {dict(tally.troubles)}",
            flush=True,
        )
        if tally.example:
            print(f"    wrong: {tally.example}", flush=True)
        if self.out is not None:
            times = {"livez_ms": tally.livez, "stall_ms": tally.stall, "slowest_ms": tally.slowest}
            figures = {"recovery_s": recovery, **{name: seconds * 1e3 for name, seconds in times.items()}}
            with self.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"fault": name, **counts, **figures, "troubles": tally.troubles}) + "\n")


def redis_faults(bench: Bench) -> None:
    """Redis killed, frozen, emptied, and restarted again and again."""
    redis, store = RedisServer(bench.scratch), bench.scratch / "redis"
    fill_store(store, bench.matrix, redis.url)

    def refill() -> None:
        rebuild(store, redis.url)

    def start_and_refill() -> None:
        redis.start()
        refill()

    try:
        with asked(bench, Options(store, redis.url), "redis") as prober:
            bench.run(prober, "nothing (Redis)", (lambda: None, lambda: None))
            bench.run(prober, "Redis killed", (lambda: redis.signal(signal.SIGKILL), start_and_refill))
            freeze: Fault = (lambda: redis.signal(signal.SIGSTOP), lambda: redis.signal(signal.SIGCONT))
            bench.run(prober, "Redis frozen", freeze)
            bench.run(prober, "Redis emptied", (redis.flush, refill))
            bench.run(prober, "Redis restarted empty", (lambda: (redis.signal(signal.SIGTERM), redis.start()), refill))
    finally:
        redis.end()


def proxy_faults(bench: Bench) -> None:
    """Redis behind a network that delays and resets."""
    redis, store = RedisServer(bench.scratch), bench.scratch / "proxied"
    try:
        with fault_proxy(redis.port) as proxy:
            url = f"redis://{HOST}:{proxy.port}/0"
            fill_store(store, bench.matrix, url)

            def turn(delay: float, reset_share: float) -> Callable[[], None]:
                def set_both() -> None:
                    proxy.delay, proxy.reset_share = delay, reset_share

                return set_both

            with asked(bench, Options(store, url), "proxied") as prober:
                bench.run(prober, "Redis late by 500 ms", (turn(0.5, 0.0), turn(0.0, 0.0)))
                bench.run(prober, "5 % of Redis calls reset", (turn(0.0, 0.05), turn(0.0, 0.0)))
                bench.run(prober, "50 % of Redis calls reset", (turn(0.0, 0.5), turn(0.0, 0.0)))
    finally:
        redis.end()


def sqlite_faults(bench: Bench) -> None:
    """The SQLite file locked, deleted, replaced, scribbled over; the disk full."""
    store, other = bench.scratch / "sqlite", bench.scratch / "other"
    fill_store(store, bench.matrix)
    fill_store(other, bench.matrix + np.float32(1.0))
    file, chance = store / "online.db", random.Random(2)
    for folder in (store, other):
        with closing(sqlite3.connect(folder / "online.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = shutil.copy(file, bench.scratch / "whole.db")
    locks: list[sqlite3.Connection] = []

    def lock() -> None:
        database = sqlite3.connect(file, isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        locks.append(database)

    def put(source: Path) -> Callable[[], None]:
        def replace() -> None:
            shutil.copy(source, bench.scratch / "draft.db")
            for log in ("-wal", "-shm"):
                Path(f"{file}{log}").unlink(missing_ok=True)
            (bench.scratch / "draft.db").replace(file)

        return replace

    def scribble() -> None:
        with file.open("r+b") as opened:
            for _ in range(300):
                opened.seek(chance.randrange(file.stat().st_size))
                opened.write(chance.randbytes(20))

    def empty() -> None:
        file.unlink(missing_ok=True)

    with asked(bench, Options(store), "sqlite") as prober:
        bench.run(prober, "nothing (SQLite)", (lambda: None, lambda: None))
        bench.run(prober, "SQLite locked by a writer", (lock, lambda: locks.pop().close()))
        full: Fault = (lambda: rebuild(store, "sqlite", is_full=True), lambda: None)
        bench.run(prober, "disk full while rows are written", full)
        bench.run(prober, "SQLite deleted", (empty, put(Path(whole))))
        bench.run(prober, "SQLite replaced by itself", (put(Path(whole)), lambda: None))
        bench.run(prober, "SQLite of another workspace", (put(other / "online.db"), put(Path(whole))))
        bench.run(prober, "SQLite scribbled over", (scribble, put(Path(whole))))
        bench.run(prober, "SQLite cut in half", (lambda: os.truncate(file, file.stat().st_size // 2), put(Path(whole))))


def worker_faults(bench: Bench) -> None:
    """The process that serves killed, behind which another waits; all killed, so that the server starts a worker."""
    store = bench.scratch / "worker"
    fill_store(store, bench.matrix)
    with asked(bench, Options(store), "worker") as prober:
        bench.run(prober, "process that serves killed", (lambda: list_workers()[1].kill(), lambda: None))
        bench.run(prober, "all of the worker killed", (kill_workers, lambda: None))


def list_workers() -> list[psutil.Process]:
    """The processes of the worker, oldest first: the one that stands by, the one that serves, the one that waits."""
    processes = [process for process in psutil.Process().children(recursive=True) if _is_worker(process)]
    return sorted(processes, key=psutil.Process.create_time)


def kill_workers() -> None:
    """Kill all of them."""
    for process in list_workers():
        with suppress(psutil.Error):  # it has ended
            process.kill()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "--worker-id" in process.cmdline()
    except psutil.Error:
        return False


@contextmanager
def asked(bench: Bench, options: Options, name: str) -> Iterator[Prober]:
    """A server that is asked all the time."""
    log = bench.scratch / f"{name}.log"
    with running_server(bench.bento, options, log=log) as url, Prober(url, bench.risks) as prober:
        yield prober
    if "Traceback" in log.read_text():
        print(f"    the log of the server holds a traceback: {log.read_text()[-2000:]}", flush=True)


def rebuild(folder: Path, online: str, *, is_full: bool = False) -> None:
    """Bring all rows online in a process of its own, as `build` does; with no room left if the disk is full."""
    limit = 65_536 if is_full else resource.RLIM_INFINITY  # bytes of a file
    call = [sys.executable, "-m", "benchmarks.robustness.faults", "--rebuild", str(folder), online]
    done = subprocess.run(
        call,
        cwd=ROOT,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    if (done.returncode == 0) == is_full:
        raise SystemExit(f"rows were written although the disk was full, or the reverse: {done.stderr[-500:]!r}")


FAULTS = {"redis": redis_faults, "proxy": proxy_faults, "sqlite": sqlite_faults, "worker": worker_faults}


def main() -> int:
    """Let everything break once or more, and count."""
    parser = new_parser("faults", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault happens (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long it lasts (default: %(default)s)")
    parser.add_argument("--only", choices=FAULTS, help="one kind of fault")
    parser.add_argument("--out", type=Path, help="file to which each row is added when it is done, as JSON")
    parser.add_argument("--rebuild", nargs=2, help="FOLDER ONLINE: what `rebuild` runs")
    options = parser.parse_args()
    if options.rebuild:
        folder, online = options.rebuild
        lookup = FeatureLookup(Path(folder), online)
        newest = lookup.materialized()
        assert newest is not None
        lookup.materialize(newest, now=datetime.now(UTC))
        return 0
    heads = ("sent", "answered", "degraded", "refused", "lost", "wrong", "recovery", "livez ms", "stall ms", "slowest")
    with tempfile.TemporaryDirectory(prefix="stillwatch-faults-") as scratch:
        log_step("making a model and a Bento")
        bench = Bench(Path(scratch), options.rounds, options.seconds, options.out)
        print(f"{'':<34}" + "".join(f"{head:>9}" for head in heads), flush=True)
        for name in [options.only] if options.only else FAULTS:
            if name in ("redis", "proxy") and not shutil.which("redis-server"):
                print(f"{name}: there is no redis-server on the PATH", flush=True)
            else:
                FAULTS[name](bench)
    print(f"{bench.wrong} wrong answers", flush=True)
    return 1 if bench.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
