"""Retention: events go, rollups and answers stay."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError
from features.lake import TABLES
from pipelines.commands.ingest import describe_changes
from pipelines.ingest import Inputs, ingest, rehearse_ingest
from pipelines.settings import settings
from pipelines.upkeep.retention import compact_lake, prune_lake, vacuum_lake
from pipelines.workspace import Workspace

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def silent(step: str, done: float) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def filled(made_world: Path, key: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace into which three days were ingested."""
    days, root = tmp_path_factory.mktemp("days"), tmp_path_factory.mktemp("workspace")
    for path in sorted((made_world / "requests").iterdir())[:3]:
        shutil.copy(path, days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()
        ingest(Workspace(root), Inputs(days), reject_limit=0.05, progress=silent)
    settings.cache_clear()
    return root


@pytest.fixture
def workspace(filled: Path, tmp_path: Path) -> Workspace:
    return Workspace(shutil.copytree(filled, tmp_path / "copied"))


def test_old_events_go_and_what_is_known_of_their_time_stays(workspace: Workspace) -> None:
    events = workspace.lake.scan("events").select("timestamp").collect()["timestamp"]
    middle = events.sort()[len(events) // 2].replace(minute=0, second=0, microsecond=0)
    rollups, seen = workspace.lake.account_rollups(middle).collect(), workspace.lake.seen(middle)
    result = prune_lake(workspace, middle, now=NOW)
    assert result.events == (events < middle).sum() > 0
    assert result.size_after < result.size_before
    assert workspace.lake.scan("events").select(pl.col("timestamp").min()).collect().item() >= middle
    by = ["account_id", "hour"]
    assert workspace.lake.account_rollups(middle).collect().sort(by).equals(rollups.sort(by))
    assert workspace.lake.seen(middle).equals(seen)
    with pytest.raises(InputError, match=r"were dropped, so .* can't be asked about"):
        workspace.lake.seen(middle.replace(hour=0, minute=30))


def test_requests_of_a_time_whose_events_are_gone_are_left_out_and_counted(
    workspace: Workspace, made_world: Path, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They were counted in the rollups, and nothing recognises them as repeats any more."""
    monkeypatch.setenv("STILLWATCH_KEY", key)
    settings.cache_clear()
    logs = pl.concat([pl.read_parquet(path) for path in sorted((made_world / "requests").iterdir())[:3]])
    middle = logs["timestamp"].sort()[len(logs) // 2].replace(minute=0, second=0, microsecond=0)
    rollups = workspace.lake.account_rollups(middle).collect().sort("account_id", "hour")
    prune_lake(workspace, middle, now=NOW)
    late = logs.head(1).with_columns(request_id=pl.lit("new"), timestamp=middle + timedelta(minutes=1))
    pl.concat([logs, late]).write_parquet(tmp_path / "again.parquet")
    inputs = Inputs(tmp_path / "again.parquet")
    rehearsed = rehearse_ingest(workspace, inputs, reject_limit=0.05, progress=silent).counts["requests"]
    count = ingest(workspace, inputs, reject_limit=0.05, progress=silent)["requests"]
    assert (count.pruned, count.stored) == ((logs["timestamp"] < middle).sum(), 1)
    assert (rehearsed.pruned, rehearsed.repeats) == (count.pruned, count.repeats)
    assert count.repeats + count.pruned + 1 == len(logs) + 1
    assert workspace.lake.account_rollups(middle).collect().sort("account_id", "hour").equals(rollups)
    assert any(f"{count.pruned:,} requests left out" in line for line in describe_changes(count))


@pytest.mark.parametrize(
    ("before", "words"),
    [(datetime(2026, 5, 2, tzinfo=UTC), "lies in the future"), (datetime(2026, 4, 9, 1, 30, tzinfo=UTC), "full hour")],
)
def test_a_time_that_can_not_be_meant_is_refused(workspace: Workspace, before: datetime, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prune_lake(workspace, before, now=NOW)


def test_what_earlier_versions_and_killed_runs_left_goes_and_all_rows_stay(workspace: Workspace) -> None:
    before = {table: workspace.lake.scan(table).collect() for table in TABLES}
    folder = workspace.lake.folder("events")
    (part,) = list(folder.rglob("*.parquet"))[:1]
    shutil.copy(part, part.with_name("left-behind.parquet"))
    (folder / "_draft-1-0.parquet").write_bytes(b"begun")
    names = workspace.lake.file_names("events")
    result = vacuum_lake(workspace)
    assert result.events == len(before["events"])
    assert not [*folder.rglob("left-behind*"), *folder.rglob("_draft*")]
    assert workspace.lake.file_names("events") == names
    assert all(workspace.lake.scan(table).collect().equals(rows) for table, rows in before.items())
    assert vacuum_lake(workspace).files_after == result.files_after


def test_a_compacted_lake_is_smaller_and_holds_the_same(workspace: Workspace) -> None:
    before = workspace.lake.scan("events").collect().sort("request_key")
    result = compact_lake(workspace)
    assert result.events == len(before)
    assert result.files_after <= result.files_before
    again = compact_lake(workspace)
    assert (again.size_after, again.files_after) == (result.size_after, result.files_after)
    assert workspace.lake.scan("events").collect().sort("request_key").equals(before)
