"""Who was brought online, by the workspace's own files."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from features.store.brought_online import PUSHED, brought_online, list_pushed
from features.store.erasure import erase_features
from features.store.lookup import FeatureLookup
from tests.features.store.conftest import TIME, features_of


def test_accounts_that_came_online_one_by_one_count_too_until_they_are_erased(tmp_path: Path) -> None:
    lookup, later = FeatureLookup(tmp_path), TIME + timedelta(hours=1)
    lookup.write(features_of(["a", "b"]), TIME, "stamp")
    assert lookup.materialize(TIME)
    lookup.push(features_of(["b", "new"], later), lookup.groups())
    lookup.push(features_of(["newer"], later), lookup.groups())
    everybody = ["a", "b", "new", "newer", "nobody"]
    assert lookup.expected(everybody) == {"a", "b", "new", "newer"}
    assert sorted(pl.read_parquet(tmp_path / PUSHED)["account_id"].drop_nulls()) == ["new", "newer"]
    assert lookup.materialized() == later
    erase_features(lookup, ["new"])
    assert lookup.expected(everybody) == {"a", "b", "newer"}
    assert b"newer" in (tmp_path / PUSHED).read_bytes()


def test_the_list_of_an_older_release_is_read_as_empty(tmp_path: Path) -> None:
    pl.DataFrame({"as_of": [TIME]}).write_parquet(tmp_path / PUSHED)
    assert brought_online(tmp_path, ["a"]) == set()
    assert list_pushed(tmp_path, ["a"], TIME)["account_id"].to_list() == ["a", None]
    assert brought_online(tmp_path, []) == set()
