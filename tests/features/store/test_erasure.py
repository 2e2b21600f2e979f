"""Erased accounts: unknown online, in no file, and all others as before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.accounts import read_out
from features.store.erasure import drop_read_outs, erase_features
from features.store.lookup import FeatureLookup


@pytest.fixture
def lookup(small_world: Any, lake_of: Any, as_of: datetime, tmp_path: Path) -> FeatureLookup:
    """Two read-outs of eight accounts, the later one online."""
    store, lake = FeatureLookup(tmp_path / "features"), lake_of([small_world.events], small_world.accounts)
    for moment in (as_of - timedelta(days=30), as_of):
        store.write(read_out(lake, moment), moment, "stamp")
        assert store.materialize(moment)
    return store


def test_an_erased_account_is_unknown_online_and_in_no_file_and_others_stay(
    lookup: FeatureLookup, as_of: datetime
) -> None:
    accounts = lookup.read(as_of)["account_id"].to_list()
    gone, others = accounts[2], [*accounts[:2], *accounts[3:]]
    before = lookup.online(others)
    assert erase_features(lookup, [gone]) == 2
    assert lookup.online([gone]).as_of == [None]
    after = lookup.online(others)
    assert after.matrix.tobytes() == before.matrix.tobytes()
    assert after.as_of == before.as_of == [as_of] * len(others)
    for path in lookup.root.rglob("*"):
        if path.suffix == ".parquet":
            assert gone not in pl.read_parquet(path)["account_id"].to_list()
        elif path.is_file():
            assert gone.encode() not in path.read_bytes()


def test_erasing_an_unknown_account_changes_nothing(lookup: FeatureLookup, as_of: datetime) -> None:
    everybody = lookup.read(as_of)
    assert erase_features(lookup, ["nobody"]) == 0
    assert lookup.read(as_of).equals(everybody)
    assert erase_features(FeatureLookup(lookup.root / "never made"), ["nobody"]) == 0


def test_old_read_outs_are_dropped_but_the_ends_of_weeks_stay(tmp_path: Path) -> None:
    lookup = FeatureLookup(tmp_path)
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    times = [monday, monday + timedelta(hours=1), monday + timedelta(days=2), monday + timedelta(days=9)]
    (tmp_path / "offline").mkdir()
    for time in times:
        (tmp_path / "offline" / f"{time:%Y-%m-%dT%H%M%S.%f}.parquet").touch()
    (tmp_path / "offline" / "0000.parquet").touch()
    assert drop_read_outs(lookup, monday + timedelta(days=2)) == 1
    assert [time for _, time in lookup.read_outs()] == [times[0], times[2], times[3]]
