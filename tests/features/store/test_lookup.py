"""The feature store, through real Feast, DuckDB and SQLite (and Redis, where there is a server)."""

import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.accounts import read_out
from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from features.errors import IntegrityError
from features.store.erasure import erase_features
from features.store.lookup import FeatureLookup
from tests.features.store.conftest import needs_redis

EARLY = datetime(2026, 5, 20, 6, 30, tzinfo=UTC)


def vectors(features: pl.DataFrame) -> np.ndarray:
    return features.select(FEATURE_NAMES).to_numpy()


@pytest.fixture(scope="session")
def snapshots(large_world: Any, lake_of: Any, as_of: datetime) -> dict[datetime, pl.DataFrame]:
    """Features of 1,000 accounts, and of those known twelve days earlier."""
    lake = lake_of([large_world.events], large_world.accounts)
    return {moment: read_out(lake, moment) for moment in (EARLY, as_of)}


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory, snapshots: dict[datetime, pl.DataFrame]) -> FeatureLookup:
    """A store that holds both snapshots, the newer one online."""
    store = FeatureLookup(tmp_path_factory.mktemp("features"))
    for moment, features in snapshots.items():
        store.write(features, moment, "stamp")
        assert store.materialize(moment)
    return store


def entities(features: pl.DataFrame) -> pl.DataFrame:
    return features.select("account_id", "as_of")


def test_the_store_tells_which_accounts_it_was_last_given(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime, tmp_path: Path
) -> None:
    ids = snapshots[as_of]["account_id"].to_list()
    assert lookup.expected([*ids, "nobody", ""]) == set(ids)
    assert lookup.expected(["nobody"]) == lookup.expected([]) == set()
    assert FeatureLookup(tmp_path / "new").expected(ids) == set()
    moved = FeatureLookup(Path(shutil.copytree(lookup.root, tmp_path / "moved")))
    assert moved.expected(ids) == set(ids)
    moved.replace_latest(pl.read_parquet(moved.root / "latest.parquet").filter(pl.col("account_id") == ids[0]))
    assert moved.expected(ids) == {ids[0]}
    moved.replace_latest(pl.read_parquet(moved.root / "latest.parquet").clear())
    assert moved.expected(ids) == set()


def test_offline_and_online_reads_are_bit_identical_to_what_was_read_out(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    features = snapshots[as_of]
    assert len(features) >= 1_000
    offline = lookup.historical(entities(features))
    online, times, *_ = lookup.online(features["account_id"].to_list())
    assert offline.equals(features)
    assert vectors(offline).tobytes() == online.tobytes() == vectors(features).tobytes()
    assert times == [as_of] * len(features)
    assert np.isnan(online).any()  # unknown stays unknown


@pytest.mark.parametrize("left", [0, 1_000])
def test_a_registry_of_which_a_kill_left_a_part_is_written_again(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime, tmp_path: Path, left: int
) -> None:
    copied = shutil.copytree(lookup.root, tmp_path / "copied")
    registry = copied / "registry.db"
    registry.write_bytes(registry.read_bytes()[:left])
    draft = copied / "latest.1.draft"
    draft.touch()
    again = FeatureLookup(copied)
    assert again.materialize(as_of)
    assert again.historical(entities(snapshots[as_of])).equals(snapshots[as_of])
    assert again.online(["acct-0001"])[1] == [as_of]
    assert not draft.exists()


def test_each_row_is_read_as_of_its_own_time(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    both = pl.concat([snapshots[as_of], snapshots[EARLY]]).sample(fraction=1, shuffle=True, seed=1)
    assert lookup.historical(entities(both)).equals(both)
    assert not snapshots[EARLY].drop("as_of").equals(snapshots[as_of].drop("as_of"))


def test_a_historical_read_keeps_rows_order_repeats_and_further_columns(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    asked = pl.DataFrame({
        "account_id": ["acct-0003", "acct-0001", "nobody", "acct-0003", "acct-0002"],
        "entity": [1, 2, 3, 4, 5],
        "as_of": pl.Series([as_of, EARLY, as_of, as_of, as_of], dtype=FEATURES_SCHEMA["as_of"]),
        "label": [True, None, False, None, True],
    })  # fmt: skip
    joined = lookup.historical(asked)
    assert joined.select(asked.columns).equals(asked)
    assert joined.columns == [*asked.columns, *FEATURE_NAMES]
    want = asked.join(pl.concat(snapshots.values()), on=["account_id", "as_of"], how="left", maintain_order="left")
    assert joined.equals(want)
    assert joined.row(2, named=True)["requests_28d"] is None
    then = joined.filter(pl.col("as_of") == as_of)
    assert lookup.read_some(as_of, then["account_id"]).select(FEATURE_NAMES).equals(then.select(FEATURE_NAMES))


def test_a_historical_read_does_not_look_ahead_nor_back_further_than_a_day(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    account = snapshots[EARLY]["account_id"][0]
    moments = [as_of - timedelta(microseconds=1), EARLY + timedelta(hours=1), EARLY - timedelta(seconds=1)]
    asked = pl.DataFrame({
        "account_id": [account] * 3,
        "as_of": pl.Series(moments, dtype=FEATURES_SCHEMA["as_of"]),
    })  # fmt: skip
    assert lookup.historical(asked)["requests_28d"].to_list() == [None, snapshots[EARLY]["requests_28d"][0], None]


def test_no_rows_are_asked_for_and_none_come(lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame]) -> None:
    none = next(iter(snapshots.values())).clear()
    assert lookup.historical(entities(none)).equals(none)


def test_an_unknown_account_has_no_time_and_no_values(lookup: FeatureLookup, as_of: datetime) -> None:
    asked = ["nobody", "acct-0001", "", "acct-0001", "ünknown\0"]
    matrix, times, *_ = lookup.online(asked)
    assert matrix.shape == (5, len(FEATURE_NAMES))
    assert matrix.dtype == np.float32
    assert times == [None, as_of, None, as_of, None]
    assert np.isnan(matrix[[0, 2, 4]]).all()
    assert matrix[1].tobytes() == matrix[3].tobytes()


def test_an_older_time_is_not_brought_online_over_a_newer_one(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    assert not lookup.materialize(EARLY)
    assert lookup.materialized() == as_of
    assert lookup.online(["acct-0001"])[1] == [as_of]
    assert lookup.materialize(as_of)


def test_another_process_sees_the_same_store(lookup: FeatureLookup, as_of: datetime) -> None:
    fresh = FeatureLookup(lookup.root)
    assert fresh.online(["acct-0007"])[0].tobytes() == lookup.online(["acct-0007"])[0].tobytes()
    assert fresh.materialized() == as_of


def test_features_are_held_for_the_stamp_they_were_read_under(tmp_path: Path, as_of: datetime) -> None:
    store = FeatureLookup(tmp_path / "features")
    empty = pl.DataFrame(schema=FEATURES_SCHEMA)
    assert not store.holds(as_of, "1.1.1")
    store.write(empty, as_of, "1.1.1")
    assert store.holds(as_of, "1.1.1")
    assert store.holds(as_of.astimezone(timezone(timedelta(hours=9))), "1.1.1")
    assert not store.holds(as_of, "2.1.1")
    assert not store.holds(as_of + timedelta(microseconds=1), "1.1.1")
    store.write(empty, as_of, "2.1.1")
    assert store.holds(as_of, "2.1.1")
    assert not store.holds(as_of, "1.1.1")
    assert sorted(path.suffix for path in (store.root / "offline").iterdir()) == [".parquet", ".sha256"]


def test_an_empty_store_knows_nobody(tmp_path: Path, as_of: datetime) -> None:
    store = FeatureLookup(tmp_path / "features")
    assert store.materialized() is None
    assert store.online(["a", "b"])[1] == [None, None]
    asked = pl.DataFrame({"account_id": ["a"], "as_of": pl.Series([as_of], dtype=FEATURES_SCHEMA["as_of"])})
    assert store.historical(asked).row(0)[2:] == (None,) * len(FEATURE_NAMES)


def test_a_rebuilt_snapshot_replaces_the_one_online_and_offline(
    tmp_path: Path, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    store = FeatureLookup(tmp_path / "features")
    some = snapshots[as_of][:5]
    changed = some.with_columns(requests_28d=pl.col("requests_28d") + 1)
    for features, stamp in ((some, "one"), (changed, "two")):
        store.write(features, as_of, stamp)
        assert store.materialize(as_of)
        assert store.historical(entities(some)).equals(features)
        assert store.online(some["account_id"].to_list())[0].tobytes() == vectors(features).tobytes()


@needs_redis
def test_redis_gives_the_same_bits_as_sqlite(
    tmp_path: Path, redis_url: str, snapshots: dict[datetime, pl.DataFrame], as_of: datetime
) -> None:
    store = FeatureLookup(tmp_path / "features", redis_url)
    features = snapshots[as_of]
    store.write(features, as_of, "stamp")
    assert store.materialize(as_of)
    online, times, *_ = store.online([*features["account_id"], "nobody"])
    assert online[:-1].tobytes() == vectors(features).tobytes()
    assert times == [as_of] * len(features) + [None]
    assert not (store.root / "online.db").exists()
    erase_features(store, ["acct-0001"])
    assert store.online(["acct-0001", "acct-0002"]).as_of == [None, as_of]


def test_an_account_has_its_campaign_and_lift_online_and_others_have_none(
    lookup: FeatureLookup, as_of: datetime, tmp_path: Path
) -> None:
    copied = FeatureLookup(shutil.copytree(lookup.root, tmp_path / "copied"))
    membership = {
        "account_id": ["acct-0001"],
        "campaign_id": ["campaign_1"],
        "ties": ["subnets (1 key, up to 4 accounts)"],
        "lift": [2.5],
    }
    assert copied.materialize(as_of, groups=pl.DataFrame(membership))
    online = copied.online(["acct-0002", "acct-0001", "nobody"])
    assert online.campaigns == [None, "campaign_1", None]
    assert online.ties == [None, *membership["ties"], None]
    assert online.lift.tolist() == [0.0, 2.5, 0.0]
    assert copied.materialize(as_of)
    assert (copied.online(["acct-0001"]).campaigns, copied.online(["acct-0001"]).ties) == ([None], [None])


def test_a_flipped_bit_in_a_read_out_is_an_error(
    lookup: FeatureLookup, snapshots: dict[datetime, pl.DataFrame], as_of: datetime, tmp_path: Path
) -> None:
    copied = FeatureLookup(shutil.copytree(lookup.root, tmp_path / "copied"))
    path = copied.read_outs()[-1][0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused = (
        lambda: copied.holds(as_of, "stamp"),
        lambda: copied.read(as_of),
        lambda: copied.historical(entities(snapshots[EARLY])),
    )
    for ask in refused:
        with pytest.raises(IntegrityError, match="is damaged: remove it, and what it holds is computed again"):
            ask()
