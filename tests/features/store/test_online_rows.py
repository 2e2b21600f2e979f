"""Rows of the online store: whatever bit flips, the same numbers or word of the damage, never other numbers."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.accounts import read_out
from features.errors import IntegrityError
from features.store.feast_store import check_database
from features.store.lookup import FeatureLookup
from features.store.online_reader import Online
from features.store.online_rows import GROUP, seal

FLIPS = 60  # of a file of some 300 kB


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, world: Any, lake_of: Callable[..., Any], as_of: datetime) -> Path:
    """A folder with 60 accounts online, half of them in a group, and one with another id."""
    lookup = FeatureLookup(tmp_path_factory.mktemp("features"))
    features = read_out(lake_of([world.events], world.accounts), as_of)
    lookup.write(features, as_of, "stamp")
    ids = features["account_id"].gather_every(2)
    group = pl.DataFrame(
        {"account_id": ids, "campaign_id": "campaign_1", "ties": "subnets (1 key)", "lift": 2.5}, GROUP
    )
    names = pl.DataFrame({"account_id": ["older"], "canonical_id": [ids[0]]})
    assert lookup.materialize(as_of, groups=group, names=names)
    with closing(sqlite3.connect(lookup.root / "online.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return lookup.root


@pytest.fixture
def copied(store: Path, tmp_path: Path) -> Path:
    return shutil.copytree(store, tmp_path / "copied")


def ids_of(root: Path) -> list[str]:
    return [*pl.read_parquet(root / "latest.parquet")["account_id"], "nobody"]


def rows(online: Online) -> list[tuple[Any, ...]]:
    """What was read; every NaN is the same."""
    matrix = [np.where(np.isnan(row), np.float32(np.nan), row).tobytes() for row in online.matrix]
    return list(zip(matrix, online.as_of, online.campaigns, online.ties, online.lift.tolist(), strict=True))


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_an_undamaged_row_is_whole_under_each_of_its_ids(store: Path) -> None:
    lookup, ids = FeatureLookup(store), ids_of(store)
    online = lookup.online(ids)
    assert not online.damaged.any()
    assert rows(online)[ids.index("older")] == rows(online)[0]
    assert online.as_of[-1] is None and None not in online.as_of[:-1]


def test_a_flipped_bit_in_the_database_gives_the_same_numbers_or_an_error(store: Path, copied: Path) -> None:
    ids, path, rng = ids_of(copied), copied / "online.db", random.Random(7)
    expected, size = rows(FeatureLookup(store).online(ids)), path.stat().st_size
    recognised = 0
    for _ in range(FLIPS):
        bit = rng.randrange(size * 8)
        flip(path, bit)
        try:
            online = FeatureLookup(copied).online(ids)
        except IntegrityError:
            recognised += 1
        else:
            pairs = zip(rows(online), expected, online.damaged.tolist(), strict=True)
            assert all(is_damaged or row == wanted for row, wanted, is_damaged in pairs), bit
            recognised += online.damaged.any()
        shutil.copy(store / "online.db", path)
        for log in copied.glob("online.db-*"):
            log.unlink()
    assert recognised > FLIPS // 4


@pytest.mark.parametrize("field", ["vector", "campaign_id", "ties", "lift", "seal"])
def test_a_row_that_lacks_or_exchanges_a_field_is_damaged(copied: Path, field: str) -> None:
    ids = ids_of(copied)
    with closing(sqlite3.connect(copied / "online.db")) as database:
        named = "FROM stillwatch_account_vector WHERE feature_name = ?"
        keys = [key for (key,) in database.execute(f"SELECT entity_key {named} ORDER BY entity_key", (field,))]
        values = dict(database.execute(f"SELECT entity_key, value {named}", (field,)))
        other = next(key for key in keys if values[key] != values[keys[0]])
        change = "UPDATE stillwatch_account_vector SET value = ? WHERE feature_name = ? AND entity_key = ?"
        database.execute(change, (values[other], field, keys[0]))
        database.execute(
            "DELETE FROM stillwatch_account_vector WHERE feature_name = ? AND entity_key = ?", (field, other)
        )
        database.commit()
    online = FeatureLookup(copied).online(ids)
    assert 1 <= online.damaged.sum() <= 2  # a lost null is a null
    damaged = np.flatnonzero(online.damaged)
    assert all(online.as_of[row] is None and np.isnan(online.matrix[row]).all() for row in damaged)


def test_every_part_of_a_row_is_in_its_seal(as_of: datetime) -> None:
    matrix = np.array([[1.0, np.nan]], dtype=np.float32)
    plain: dict[str, Any] = {
        "account_ids": ["a"],
        "matrix": matrix,
        "as_of": [as_of],
        "campaigns": [None],
        "ties": ["t"],
    }
    plain["lift"] = np.array([0.5])
    changes: list[dict[str, Any]] = [
        {},
        {"account_ids": ["b"]},
        {"matrix": np.array([[1.0, 2.0]], dtype=np.float32)},
        {"matrix": np.array([[np.nan, 1.0]], dtype=np.float32)},
        {"as_of": [as_of.replace(year=2025)]},
        {"campaigns": ["t"], "ties": [None]},
        {"lift": np.array([-0.5])},
    ]
    assert len({int(seal(**plain | change)[0]) for change in changes}) == len(changes)


def test_a_damaged_page_is_an_error_and_a_new_build_mends_the_store(copied: Path, as_of: datetime) -> None:
    path = copied / "online.db"
    content = bytearray(path.read_bytes())
    content[8192:12288] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"online\.db is damaged .*: remove online\.db there and run `stillwatch"):
        check_database(path)
    for log in copied.glob("online.db*"):
        log.unlink()
    again = FeatureLookup(copied)
    assert again.materialize(as_of)
    online = again.online(ids_of(copied))
    assert not online.damaged.any() and online.as_of[0] == as_of


def test_a_registry_with_a_flipped_bit_is_written_again(store: Path, copied: Path) -> None:
    ids = ids_of(copied)
    FeatureLookup(copied).online(ids)  # so that the definitions name this folder
    content, rng = (copied / "registry.db").read_bytes(), random.Random(3)
    for _ in range(8):
        flip(copied / "registry.db", rng.randrange(len(content) * 8))
        assert rows(FeatureLookup(copied).online(ids)) == rows(FeatureLookup(store).online(ids))
