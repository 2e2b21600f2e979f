"""Which engine the options of a command ask for, and what is said where it can't be had."""

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

from features.errors import InputError
from pipelines.execute.engine import IN_PROCESS
from pipelines.execute.local_processes import LocalProcesses
from pipelines.execute.opening import open_engine
from serving.process import free_port
from tests.pipelines.execute.units import double

Run = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("workers", [None, 1])
def test_without_options_this_process_does_the_work(workers: int | None) -> None:
    with open_engine(workers, None) as engine:
        assert engine is IN_PROCESS


def test_workers_share_the_threads_of_this_machine_and_end_with_the_command() -> None:
    with open_engine(2 * pl.thread_pool_size(), None) as engine:
        assert isinstance(engine, LocalProcesses)
        assert (engine.workers, engine.threads) == (2 * pl.thread_pool_size(), 1)
        assert list(engine.run(double, [(4,)])) == [(0, 8)]
        (process,) = engine.processes()
    assert not process.is_alive()


def test_a_cluster_without_ray_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(InputError, match=r"^--cluster needs the extra 'ray'.*pip install 'stillwatch\[ray\]'"),
        open_engine(None, "127.0.0.1:6379"),
    ):
        pass


@pytest.mark.parametrize("address", ["nowhere", "ray://127.0.0.1:10001", "127.0.0.1:"])
def test_what_is_no_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", pytest)  # which has to be there, and is not asked
    with pytest.raises(InputError, match=r"not of the form host:port.*give --cluster"), open_engine(None, address):
        pass


def test_an_address_where_nothing_answers_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", pytest)
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    with (
        pytest.raises(InputError, match=f"no Ray cluster can be used at {address} .*refused"),
        open_engine(None, address),
    ):
        pass


def test_options_that_do_not_go_together_are_refused(stillwatch: Run, tmp_path: Path) -> None:
    dry = stillwatch("ingest", "--requests", tmp_path, "--dry-run", "--cluster", "127.0.0.1:6379")
    assert (dry.returncode, dry.stderr.count("\n")) == (2, 1)
    assert "leave out --cluster" in dry.stderr
    asked = stillwatch("score", "--url", "http://127.0.0.1:1", "--accounts", "-", "--out", "x", "--workers", "2")
    assert (asked.returncode, asked.stderr.count("\n")) == (2, 1)
    assert "leave out --workers and --cluster" in asked.stderr
