"""Grouping in a process of its own: what it gives, how it fails, and how it ends."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from features.errors import StillwatchError
from pipelines.campaigns.lifts import JOINABLE_SCHEMA, lift_accounts
from pipelines.follow.grouping_process import GroupingProcess, GroupingSchedule
from pipelines.models.champion import current_champion
from pipelines.settings import settings
from pipelines.workspace import Workspace


def quietly(_step: str, _done: float) -> None:
    """No progress."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("STILLWATCH_KEY", key)
    settings.cache_clear()


def test_it_gives_the_lifts_that_are_computed_here(
    filled_workspace: Path, move_copy: Callable[[Path, Path], Path], tmp_path: Path, as_of: datetime
) -> None:
    workspace = Workspace(move_copy(filled_workspace, tmp_path / "workspace"))
    grouping = GroupingProcess.start(workspace, as_of, tmp_path / "log")
    lifts, joinable = grouping.lifts(), grouping.joinable()
    assert grouping.is_done()
    grouping.end()
    assert lifts["campaign_id"].drop_nulls().len() > 0
    assert_frame_equal(lifts, lift_accounts(workspace, current_champion(workspace), as_of, quietly))
    assert joinable.schema == JOINABLE_SCHEMA
    reported = joinable.filter("is_reported")["group"].unique()
    assert len(reported) > 0
    assert set(reported) <= set(lifts["campaign_id"])
    assert (tmp_path / "log").read_text() == ""


def test_one_that_fails_says_why_and_leaves_no_file(tmp_path: Path, as_of: datetime) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    grouping = GroupingProcess.start(workspace, as_of, tmp_path / "log")
    with pytest.raises(StillwatchError, match="holds no request at or before"):
        grouping.lifts()
    grouping.end()
    assert not [path for path in workspace.root.rglob("*") if path.is_file()]


def test_it_ends_at_once_when_it_is_told_to(tmp_path: Path, as_of: datetime) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    grouping = GroupingProcess.start(workspace, as_of, tmp_path / "log")
    assert not grouping.is_done()
    begin = time.monotonic()
    grouping.end()
    assert grouping.is_done()
    assert time.monotonic() - begin < 2


def test_groupings_that_fail_are_tried_again_after_growing_pauses_and_then_at_the_interval() -> None:
    schedule, now, begins = GroupingSchedule(every=21_600), 0.0, []
    while now < 12_000:  # a turn each two seconds, with a store that is whole
        schedule.note_online(is_whole=True)
        if schedule.is_due(now):
            begins.append(now)
            schedule.begin(now)
            schedule.end(now, has_failed=True)
        now += 2
    assert begins == [0, 30, 90, 210, 450, 930, 1890, 3810, 7410, 11010]
    now = 14_610.0
    assert schedule.is_due(now)
    schedule.begin(now)
    schedule.end(now, has_failed=False)
    schedule.note_online(is_whole=True)
    assert not schedule.is_due(now + 21_599)
    assert schedule.is_due(now + 21_600)


def test_a_store_that_was_emptied_is_filled_at_once_and_one_that_stays_empty_after_growing_pauses() -> None:
    schedule = GroupingSchedule(every=21_600)
    schedule.begin(0)
    schedule.end(60, has_failed=False)
    schedule.note_online(is_whole=True)
    assert not schedule.is_due(100)
    schedule.note_online(is_whole=False)
    assert schedule.is_due(100)
    begins = []
    for now in range(100, 1_000, 2):
        schedule.note_online(is_whole=False)
        if schedule.is_due(now):
            begins.append(now)
            schedule.begin(now)
            schedule.end(now, has_failed=False)
    assert begins == [100, 130, 190, 310, 550]
    schedule.note_online(is_whole=True)
    schedule.note_online(is_whole=False)
    assert schedule.is_due(1_000)
