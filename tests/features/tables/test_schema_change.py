"""Tables of an older contract: carried over, computed again, or refused with what the logs must bring."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from features.errors import InputError
from features.lake import TABLES, Lake
from features.tables.retention_mark import mark_dropped
from features.tables.schema_change import apply_changes, plan_changes

BY = ["kind", "key", "account_id", "hour"]


@pytest.fixture
def lake(small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose tables were written when events had no `cell`, and a column that is no more."""
    older = {name: column for name, column in TABLES["events"].columns().items() if name != "cell"}
    rollups = {name: column for name, column in TABLES["account_rollups"].columns().items() if name != "persona"}
    lake = Lake(tmp_path / "lake")
    with monkeypatch.context() as then:
        then.setitem(TABLES, "events", type("Older", (dy.Schema,), {**older, "colour": dy.Int64(nullable=True)}))
        for source in (1, 2):
            events = small_world.events.with_columns(pl.lit(source, pl.Int64).alias("source"), colour=pl.lit(7))
            lake.append("events", [events], source)
        then.setitem(TABLES, "account_rollups", type("OlderRollups", (dy.Schema,), rollups))
        lake.append("account_rollups", [pl.DataFrame(schema=dict.fromkeys(rollups)).clear()], 1)
    return lake


def test_columns_are_added_as_null_and_dropped_and_rollups_are_computed_again(lake: Lake, small_world: Any) -> None:
    changes = plan_changes(lake)
    assert [(change.table, change.lacks, change.extra, change.is_derived) for change in changes] == [
        ("events", ("cell",), ("colour",), False),
        ("account_rollups", ("persona",), (), True),
    ]
    apply_changes(lake, changes)
    assert plan_changes(lake) == []
    events = lake.scan("events").collect()
    assert len(events) == 2 * len(small_world.events)
    assert events["cell"].null_count() == len(events)
    expected = small_world.events.drop("cell", "source").sort("request_key")
    stored = events.filter(source=1).drop("cell", "source").sort("request_key")
    assert stored.equals(expected.select(stored.columns))
    assert lake.missing_sources("events", [1, 2, 3]) == {3}
    assert not lake.missing_sources("account_rollups", [1, 2])
    assert lake.scan("account_rollups").select(pl.col("requests").sum()).collect().item() == len(events)


def test_a_run_that_was_killed_between_two_names_is_completed(lake: Lake) -> None:
    lake.folder("events").rename(lake.root / "_replaced-events")
    changes = plan_changes(lake)
    assert [change.table for change in changes] == ["events", "account_rollups"]
    apply_changes(lake, changes)
    assert plan_changes(lake) == []
    assert {path.name for path in lake.root.iterdir()} == {"events", "account_rollups", "key_rollups"}


def test_what_only_the_logs_have_is_named_and_nothing_is_changed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {**TABLES["events"].columns(), "cell": dy.Int64(), "region": dy.String()}
    monkeypatch.setitem(TABLES, "events", type("Newer", (dy.Schema,), wanted))
    with pytest.raises(InputError, match=r"lack columns that only the logs have: events \(cell, region\): ingest"):
        plan_changes(lake)


def test_rollups_whose_events_were_dropped_can_not_be_computed_again(lake: Lake) -> None:
    mark_dropped(lake.folder("events"), datetime(2026, 5, 1, tzinfo=UTC))
    with pytest.raises(InputError, match="the events before 2026-05-01T00:00:00Z that they came from were dropped"):
        plan_changes(lake)
