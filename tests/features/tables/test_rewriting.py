"""Rewritten tables: erased, shortened and compacted; damaged ones are refused."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.accounts import read_out
from features.errors import IntegrityError
from features.lake import TABLES, Lake
from features.tables.rewriting import compact_tables, drop_events, erase_accounts
from tests.conftest import cases

AS_OF = datetime(2026, 6, 1, 10, 20, 30, tzinfo=UTC)
PARTS = 3
BY = {"account_rollups": ["account_id", "hour"], "key_rollups": ["kind", "key", "account_id", "hour"]}


def fill(root: Path, events: pl.DataFrame, accounts: pl.DataFrame) -> Lake:
    """A lake into which a world was ingested in several files."""
    lake = Lake(root)
    for source in range(PARTS):
        part = events[source::PARTS].with_columns(pl.lit(source, pl.Int64).alias("source"))
        lake.append("events", [part], source)
        lake.roll_up(source)
    lake.append("accounts", [accounts], 1)
    lake.append("releases", [pl.DataFrame({"model": [7], "released_at": [AS_OF - timedelta(days=9)]})], 2)
    return lake


def contents(lake: Lake) -> dict[str, pl.DataFrame]:
    """All tables, rollups added up, in an order of their own."""
    tables = {}
    for table in TABLES:
        rows = lake.scan(table)
        if table in BY:
            numbers = pl.col("requests").sum()
            rows = rows.group_by(BY[table]).agg(numbers)
        frame = rows.collect()
        tables[table] = frame.sort([name for name, kind in frame.schema.items() if not kind.is_nested()])
    return tables


def size(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def filled(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake") / "ä lake"
    fill(root, world.events, world.accounts)
    return root


@pytest.fixture
def lake(filled: Path, tmp_path: Path) -> Lake:
    return Lake(shutil.copytree(filled, tmp_path / "copied"))


def test_features_after_an_erasure_are_those_of_a_lake_that_never_saw_the_accounts(
    lake: Lake, world: Any, tmp_path: Path
) -> None:
    accounts = world.events["account_id"].unique().sort()
    erased = accounts.sample(3, seed=4).to_list()
    removed = erase_accounts(lake, erased)
    is_other = ~pl.col("account_id").is_in(erased)
    events, registrations = world.events.filter(is_other), world.accounts.filter(is_other)
    never = fill(tmp_path / "never", events, registrations)
    for as_of in (AS_OF, AS_OF - timedelta(days=3, minutes=7), AS_OF - timedelta(days=20)):
        assert read_out(lake, as_of).equals(read_out(never, as_of))
    assert removed["events"] == len(world.events) - len(events)
    assert removed["accounts"] == len(world.accounts) - len(registrations)
    for path in lake.root.rglob("*"):
        assert not path.is_file() or not any(account.encode() in path.read_bytes() for account in erased)


def test_an_erasure_of_an_unknown_account_changes_no_row_and_no_stamp(lake: Lake) -> None:
    before, stamp = contents(lake), lake.stamp(AS_OF)
    assert set(erase_accounts(lake, ["nobody"]).values()) == {0}
    assert lake.stamp(AS_OF) == stamp
    after = contents(lake)
    assert all(after[table].equals(before[table]) for table in TABLES)


def test_a_compaction_changes_neither_rows_nor_stamps_nor_what_was_ingested_and_is_smaller(lake: Lake) -> None:
    before, stamps = contents(lake), [lake.stamp(AS_OF - timedelta(days=days)) for days in range(30)]
    size_before, features = size(lake.root), read_out(lake, AS_OF)
    for _ in range(2):
        compact_tables(lake)
        assert size(lake.root) < size_before * 0.7
        assert [lake.stamp(AS_OF - timedelta(days=days)) for days in range(30)] == stamps
    after = contents(lake)
    assert all(after[table].equals(before[table]) for table in TABLES)
    assert read_out(lake, AS_OF).equals(features)
    assert lake.missing_sources("events", range(5)) == {3, 4}
    assert not lake.missing_sources("key_rollups", range(3))


def test_a_compacted_lake_takes_more_and_can_be_compacted_again(lake: Lake, world: Any) -> None:
    compact_tables(lake)
    stamp = lake.stamp(AS_OF)
    later = world.events.head(10).with_columns(pl.lit(9, pl.Int64).alias("source"), pl.col("request_key") + 1)
    lake.append("events", [later], 9)
    lake.roll_up(9)
    assert lake.stamp(AS_OF) != stamp
    rows = contents(lake)
    compact_tables(lake)
    after = contents(lake)
    assert all(after[table].equals(rows[table]) for table in TABLES)
    assert lake.has("events", 9) and lake.has("events", 0)


def test_dropped_events_leave_their_rollups(lake: Lake) -> None:
    before, features = contents(lake), read_out(lake, AS_OF.replace(minute=0, second=0))
    cut = AS_OF - timedelta(days=5, hours=3)
    dropped = drop_events(lake, cut)
    after = contents(lake)
    assert after["events"].equals(before["events"].filter(pl.col("timestamp") >= cut))
    assert dropped == len(before["events"]) - len(after["events"]) > 0
    assert after["key_rollups"].equals(before["key_rollups"])
    assert read_out(lake, AS_OF.replace(minute=0, second=0)).equals(features)


@pytest.fixture(scope="module")
def compacted(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compacted") / "lake"
    compact_tables(fill(root, small_world.events, small_world.accounts))
    return root


@settings(max_examples=cases(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_flipped_bit_in_any_file_is_an_error_and_never_another_content(
    compacted: Path, chance: random.Random
) -> None:
    lake = Lake(compacted)
    before = contents(lake)
    path = chance.choice(sorted(path for path in compacted.rglob("*") if path.is_file()))
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    try:
        after = contents(Lake(compacted))
        assert all(after[table].equals(before[table]) for table in TABLES)
    except IntegrityError:
        pass  # as it should be; every other error fails the test
    finally:
        path.write_bytes(content)
