"""Who was brought online, by the workspace's own files."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from features.store.brought_online import brought_online, note_pushed, pushed_log
from features.store.erasure import erase_features
from features.store.lookup import FeatureLookup
from features.store.pushed_log import PUSHED
from tests.features.store.conftest import TIME, features_of


def test_accounts_that_came_online_one_by_one_count_too_until_they_are_erased(tmp_path: Path) -> None:
    lookup, later = FeatureLookup(tmp_path), TIME + timedelta(hours=1)
    lookup.write(features_of(["a", "b"]), TIME, "stamp")
    assert lookup.materialize(TIME)
    lookup.push(features_of(["b", "new"], later), lookup.groups())
    lookup.push(features_of(["newer"], later), lookup.groups())
    everybody = ["a", "b", "new", "newer", "nobody"]
    assert lookup.expected(everybody) == {"a", "b", "new", "newer"}
    assert pushed_log(tmp_path).lists(pl.Series(everybody)).tolist() == [False, False, True, True, False]
    assert lookup.materialized() == later
    erase_features(lookup, ["new"])
    assert lookup.expected(everybody) == {"a", "b", "newer"}
    listed = (tmp_path / PUSHED).read_bytes()
    assert b'"newer"' in listed and b'"new"' not in listed


def test_who_is_online_with_all_accounts_is_listed_no_more(tmp_path: Path) -> None:
    lookup, later = FeatureLookup(tmp_path), TIME + timedelta(hours=1)
    lookup.write(features_of(["a", "b"]), TIME, "stamp")
    lookup.push(features_of(["b", "not in the build"], later), lookup.groups())
    assert lookup.materialize(TIME, now=TIME)  # what a follower does when a grouping has ended that began before
    assert b'"b"' not in (tmp_path / PUSHED).read_bytes()
    assert lookup.expected(["a", "b", "not in the build", "nobody"]) == {"a", "b", "not in the build"}
    assert lookup.materialized() == TIME


def test_a_push_of_a_time_to_come_gives_way_to_a_build_of_now(tmp_path: Path) -> None:
    lookup = FeatureLookup(tmp_path)
    lookup.write(features_of(["a"]), TIME, "stamp")
    lookup.push(features_of(["a"], TIME + timedelta(days=400)), lookup.groups())
    assert lookup.materialize(TIME, now=TIME)
    assert lookup.materialized() == TIME


def test_nobody_is_looked_up_in_an_empty_store(tmp_path: Path) -> None:
    assert brought_online(tmp_path, ["a"]) == set()
    note_pushed(tmp_path, ["a"], TIME)
    assert brought_online(tmp_path, ["a", "b"]) == {"a"}
    assert brought_online(tmp_path, []) == set()
