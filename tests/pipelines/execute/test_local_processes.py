"""Units on processes of this machine: who runs them, how they end, and what a lost worker costs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import InputError
from pipelines.execute.engine import WorkerLostError
from pipelines.execute.local_processes import LocalProcesses
from tests.pipelines.execute.units import (
    double,
    end_worker,
    end_worker_once,
    name_worker,
    refuse,
    wait_by_number,
)

ROOT = Path(__file__).resolve().parents[3]
TWO_UNITS_OF_AN_HOUR = """
import time
from pipelines.execute.local_processes import LocalProcesses
if __name__ == "__main__":
    list(LocalProcesses(2, 1).run(time.sleep, [(3600,), (3600,)]))
"""


@pytest.fixture(scope="module")
def two() -> Iterator[LocalProcesses]:
    engine = LocalProcesses(2, 3)
    yield engine
    engine.close()


def test_units_run_in_other_processes_each_with_its_share_of_threads(
    two: LocalProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = {worker for _, worker in two.run(name_worker, [(i,) for i in range(4)])}
    assert len({process for process, _ in workers} - {os.getpid()}) == 2
    assert {threads for _, threads in workers} == {os.environ.get("POLARS_MAX_THREADS", "3")}
    assert workers == {worker for _, worker in two.run(name_worker, [(i,) for i in range(4)])}, "the same go on"


def test_results_come_as_units_end(two: LocalProcesses) -> None:
    assert list(two.run(wait_by_number, [(0,), (1,)])) == [(1, 1), (0, 0)]
    assert list(two.run(double, [])) == []


def test_the_error_of_a_unit_ends_the_run_and_says_where_it_arose(two: LocalProcesses) -> None:
    with pytest.raises(InputError, match="unit 7 is not to be had") as caught:
        list(two.run(refuse, [(7,)]))
    assert "in refuse" in caught.value.__notes__[0]
    assert list(two.run(double, [(1,)])) == [(0, 2)], "the worker goes on"


def test_a_run_that_is_given_up_ends_the_workers_that_are_at_it(two: LocalProcesses) -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match="unit 7"):
        for _ in two.run(_refuse_or_sleep, [("sleep",), ("refuse",)]):
            pass
    assert time.monotonic() - begun < 30
    assert list(two.run(double, [(1,), (2,)])) == [(0, 2), (1, 4)]


def _refuse_or_sleep(what: str) -> None:
    time.sleep(3600) if what == "sleep" else refuse(7)


def test_a_lost_worker_loses_its_unit_only(two: LocalProcesses, tmp_path: Path) -> None:
    before = {worker for _, worker in two.run(name_worker, [(i,) for i in range(4)])}
    results = two.run(end_worker_once, [(tmp_path, double, (i,)) for i in range(4)])
    assert sorted(results) == [(i, 2 * i) for i in range(4)]
    after = {worker for _, worker in two.run(name_worker, [(i,) for i in range(4)])}
    assert len(before & after) == 1, "only the lost one was replaced"


def test_a_worker_that_is_lost_while_it_waits_is_replaced(two: LocalProcesses) -> None:
    for _, (process, _) in two.run(name_worker, [(0,)]):
        os.kill(process, signal.SIGKILL)
    assert sorted(two.run(double, [(1,), (2,), (3,)])) == [(0, 2), (1, 4), (2, 6)]


def test_a_unit_that_ends_every_worker_ends_the_run(two: LocalProcesses) -> None:
    with pytest.raises(WorkerLostError, match="number 2"):
        list(two.run(_end_or_double, [(1,), (-1,)]))


def _end_or_double(number: int) -> int:
    if number < 0:
        end_worker(number)
    return double(number)


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(TWO_UNITS_OF_AN_HOUR)
    command = subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONPATH": str(ROOT)})
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children")
    end = time.monotonic() + 60
    while len(workers := _sleeping(children.read_text().split())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(workers) == 2
    command.kill()
    command.wait()
    while any(map(_is_alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_is_alive, workers))


def _sleeping(processes: list[str]) -> list[str]:
    """Those that have read what to do: they run `spawn_main` and have the pipe of their unit."""
    return [process for process in processes if b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()]


def _is_alive(process: str) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
