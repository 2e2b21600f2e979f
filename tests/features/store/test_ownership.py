"""Whose rows an online store holds, and what it says of itself."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from features.errors import IntegrityError
from features.store.lookup import FeatureLookup
from features.store.online_reader import ForeignStoreError
from features.store.ownership import MARKER_ID, Marker, read_marker_text, store_identity
from tests.features.store.conftest import TIME, features_of, needs_redis


def fill(lookup: FeatureLookup, ids: list[str], seed: int = 0) -> FeatureLookup:
    lookup.write(features_of(ids, seed=seed), TIME, "stamp")
    assert lookup.materialize(TIME)
    return lookup


def test_an_identity_lasts_and_a_copy_that_shares_a_server_gets_one_of_its_own(tmp_path: Path) -> None:
    first = store_identity(tmp_path / "a", is_shared=True)
    shutil.copytree(tmp_path / "a", tmp_path / "copied")
    assert store_identity(tmp_path / "copied", is_shared=False) == first
    other = store_identity(tmp_path / "copied", is_shared=True)
    assert other not in {first, ""}
    assert store_identity(tmp_path / "copied", is_shared=True) == other
    (tmp_path / "a").rename(tmp_path / "moved")
    assert store_identity(tmp_path / "moved", is_shared=True) == first
    assert store_identity(tmp_path / "b", is_shared=False) not in {first, other}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "x"}'])
def test_an_identity_that_a_kill_left_half_written_is_drawn_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "identity.json").write_text(content)
    drawn = store_identity(tmp_path, is_shared=True)
    assert len(drawn) == 16
    assert store_identity(tmp_path, is_shared=True) == drawn


def test_a_marker_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    marker = Marker("0a", TIME, 7)
    assert read_marker_text(marker.to_text()) == marker
    assert [read_marker_text(text) for text in (None, "", "{}", "[1]", '{"store": "a", "as_of": "x"}')] == [None] * 5


def test_a_store_says_what_was_brought_online_and_nobody_can_ask_for_that_as_an_account(tmp_path: Path) -> None:
    lookup = FeatureLookup(tmp_path)
    assert lookup.marker() is None
    fill(lookup, ["a", "b"])
    marker = lookup.marker()
    assert marker is not None and (marker.as_of, marker.accounts) == (TIME, 2)
    online = lookup.online([MARKER_ID, "a"])
    assert (online.as_of, online.damaged.tolist()) == ([None, TIME], [False, False])
    later = TIME + timedelta(hours=1)
    lookup.push(features_of(["c"], later), lookup.groups())
    pushed = lookup.marker()
    assert pushed is not None and (pushed.as_of, pushed.accounts) == (later, 2)


def test_a_file_of_another_workspace_is_refused_also_while_it_is_open(tmp_path: Path) -> None:
    ours, theirs = fill(FeatureLookup(tmp_path / "a"), ["x"]), fill(FeatureLookup(tmp_path / "b"), ["x"], seed=1)
    before = ours.online(["x"]).matrix
    assert theirs.online(["x"]).matrix.tobytes() != before.tobytes()
    database = ours.root / "online.db"
    for lookup in (ours, theirs):
        with closing(sqlite3.connect(lookup.root / "online.db")) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.rename(tmp_path / "away")
    with pytest.raises(IntegrityError, match=r"online\.db is missing: run `stillwatch build`"):
        ours.online(["x"])
    shutil.copy(theirs.root / "online.db", database)
    with pytest.raises(ForeignStoreError, match="is of another workspace"):
        ours.online(["x"])
    (tmp_path / "away").replace(database)
    assert ours.online(["x"]).matrix.tobytes() == before.tobytes()


@needs_redis
def test_two_workspaces_on_one_server_never_mix_and_an_emptied_server_has_no_marker(
    tmp_path: Path, redis_url: str
) -> None:
    from features.store.redis_client import connect_redis

    ours = fill(FeatureLookup(tmp_path / "a", redis_url, 1.0), ["x", "mine"])
    theirs = fill(FeatureLookup(tmp_path / "b", redis_url, 1.0), ["x"], seed=1)
    assert (
        ours.online(["x"]).matrix.tobytes()
        == features_of(["x", "mine"]).drop("account_id", "as_of").to_numpy()[:1].tobytes()
    )
    assert theirs.online(["mine"]).as_of == [None]
    copied = FeatureLookup(Path(shutil.copytree(ours.root, tmp_path / "copied")), redis_url, 1.0)
    assert (copied.online(["x"]).as_of, copied.marker()) == ([None], None)
    connect_redis(redis_url, 1.0).flushall()
    assert (ours.online(["x"]).as_of, ours.marker()) == ([None], None)
    ours.push(features_of(["new"], TIME + timedelta(hours=1)), ours.groups())
    assert (ours.online(["new"]).as_of, ours.marker()) == ([TIME + timedelta(hours=1)], None)
    assert ours.materialize(TIME, now=TIME) and ours.marker() is not None
