"""Nothing lost: an ingest or a retraining killed at any moment and run again ends like an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.robustness.kills import state
from features.lake import TABLES, Lake
from features.rollups import merge
from tests.second_versions import forget_files

Run = Callable[..., subprocess.CompletedProcess[str]]
KILLS, ALL_KILLS = 3, 20  # `python -m benchmarks kills` kills retrainings, at thirty moments
PATIENCE = 60.0


def arguments(few: Path, workspace: Path) -> list[str]:
    small = [
        part for name in ("accounts", "enforcement", "releases") for part in (f"--{name}", f"{few / name}.parquet")
    ]
    return ["ingest", "--requests", str(few / "requests"), *small, "--workspace", str(workspace)]


def tables(workspace: Path) -> dict[str, pl.DataFrame]:
    """Every stored table in an order of its own; rollups as they add up."""
    lake = Lake(workspace / "lake")
    frames = {name: lake.scan(name) for name in TABLES}
    frames["account_rollups"] = merge(frames["account_rollups"])
    frames["key_rollups"] = frames["key_rollups"].group_by("kind", "key", "account_id", "hour").agg(pl.all().sum())
    lists = {"slots", "topic"}
    return {
        name: frame.sort([column for column in TABLES[name].column_names() if column not in lists]).collect()
        for name, frame in frames.items()
    }


def assert_same(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame], when: str) -> None:
    for name, frame in left.items():
        try:
            assert_frame_equal(right[name], frame, check_exact=True)
        except AssertionError as error:
            raise AssertionError(f"{name} differs after a kill {when}: {error}") from error


def begin(command: list[str], few: Path, workspace: Path, key: str) -> tuple[subprocess.Popen[bytes], float]:
    """A real ingest, and when it began to work: when it took the workspace's lock."""
    process = subprocess.Popen(
        [*command, *arguments(few, workspace)],
        env=os.environ | {"STILLWATCH_KEY": key},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE
    while not (workspace / "lock").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    return process, time.monotonic()


def test_an_ingest_killed_at_any_moment_and_run_again_gives_the_undisturbed_tables(
    few: Path, command: list[str], key: str, stillwatch: Run, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills = ALL_KILLS if pytestconfig.getoption("--full") else KILLS
    process, began = begin(command, few, tmp_path / "whole", key)
    assert process.wait(PATIENCE) == 0
    length = time.monotonic() - began
    whole = tables(tmp_path / "whole")
    assert all(
        len(frame) for name, frame in whole.items() if "campaign" not in name and name not in ("aliases", "labels")
    ), "each table must hold something to lose"
    chance = random.Random(7)
    shares = [(i + chance.random()) / kills for i in range(kills)]
    stages, killed = set(), 0
    for number, share in enumerate(shares):
        workspace, moment = tmp_path / str(number), share * length
        process, began = begin(command, few, workspace, key)
        time.sleep(max(0.0, began + moment - time.monotonic()))
        os.killpg(process.pid, signal.SIGKILL)
        is_killed = process.wait(PATIENCE) == -signal.SIGKILL
        killed += is_killed
        length = length if is_killed else moment  # it ended before: the machine is less busy now
        stages.add(tuple(len(list((workspace / "lake").glob(f"{name}/_delta_log/*.json"))) for name in TABLES))
        again = stillwatch(*arguments(few, workspace))
        assert again.returncode == 0, again.stderr
        assert_same(whole, tables(workspace), f"after {moment:.3f} of {length:.3f} s")
        assert not (workspace / "scratch").exists()
        shutil.rmtree(workspace)
    assert killed >= kills * 0.5, "most runs ended before their kill"
    assert len(stages) >= kills // 4 + 1, f"the kills met only these numbers of commits: {stages}"


def state_of(workspace: Path) -> dict[str, Any]:
    """All that a retraining leaves."""
    forget_files()
    try:
        return state(workspace)
    finally:
        forget_files()


@pytest.fixture
def retraining(made_world: Path, as_of: datetime) -> Callable[..., list[str]]:
    """The arguments of the retraining that filled the shared workspace."""
    labels = ("--labels", str(made_world / "labels.parquet"), "--as-of", as_of.isoformat())
    return lambda workspace, *more: ["retrain", *labels, *more, "--workspace", str(workspace)]


def kill_at(command: list[str], arguments: list[str], step: str, wait: float, key: str, home: Path) -> None:
    """Start a command and kill it some seconds after it has begun a step."""
    variables = os.environ | {"STILLWATCH_KEY": key, "HOME": str(home), "TMPDIR": str(home)}
    process = subprocess.Popen(
        [*command, *arguments],
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr:
        assert any(line.startswith(step) for line in process.stderr), f"it ended before {step}"
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL, "it ended before its kill"


@pytest.mark.slow
def test_a_later_retraining_that_was_killed_and_is_run_again_ends_like_the_undisturbed_one(
    filled_workspace: Path,
    two_versions: Path,
    worse_labels: Path,
    retraining: Callable[..., list[str]],
    move_copy: Callable[[Path, Path], Path],
    command: list[str],
    key: str,
    tmp_path: Path,
) -> None:
    root = move_copy(filled_workspace, tmp_path / "workspace")
    arguments = retraining(root, "--labels", str(worse_labels), "--no-plant")
    kill_at(command, arguments, "packaging", 0.0, key, tmp_path)
    again = subprocess.run([*command, *arguments], env=os.environ | {"STILLWATCH_KEY": key}, check=False)
    assert again.returncode == 3
    assert state_of(root) == state_of(two_versions)
