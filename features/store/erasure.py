"""Erasing accounts from the feature store: its offline files and its online store."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from features.store.brought_online import pushed_log
from features.store.library import import_feast
from features.store.lookup import FeatureLookup
from features.tables.sealed_file import remove_sealed

if TYPE_CHECKING:
    from feast import FeatureStore

_ENTITY = "account_id"


def erase_features(lookup: FeatureLookup, accounts: Sequence[str]) -> int:
    """Remove accounts from the feature store, so that no byte of them is left in its files.

    A read-out that holds one of them is dropped as a whole: what others shared with it has changed, so it is computed
    again when somebody asks.

    Returns:
        How many read-outs were dropped.
    """
    names_one = pl.col(_ENTITY).is_in(list(accounts)).any()
    holding = [path for path, _ in lookup.read_outs() if pl.scan_parquet(path).select(names_one).collect().item()]
    for path in holding:
        remove_sealed(path)
    latest = lookup.root / "latest.parquet"
    if latest.exists():
        lookup.replace_latest(pl.read_parquet(latest).filter(~pl.col(_ENTITY).is_in(list(accounts))))
        _erase_online(lookup, accounts)
    pushed_log(lookup.root).rewrite(pl.Series(accounts, dtype=pl.String))
    return len(holding)


def drop_read_outs(lookup: FeatureLookup, before: datetime) -> int:
    """Drop the read-outs of times before one, but for the ends of weeks, as of which silent accounts are read out.

    Returns:
        How many were dropped.
    """
    dropped = [path for path, time in lookup.read_outs() if time < before and not _ends_a_week(time)]
    for path in dropped:
        remove_sealed(path)
    return len(dropped)


def _ends_a_week(time: datetime) -> bool:
    return time.weekday() == 0 and time == time.replace(hour=0, minute=0, second=0, microsecond=0)


def _erase_online(lookup: FeatureLookup, accounts: Sequence[str]) -> None:
    store = lookup.feast_store()
    if lookup.online_store == "sqlite":
        _erase_from_sqlite(lookup, store, [_entity_key(account) for account in accounts])
    else:
        _erase_from_redis(store, accounts)


def _erase_from_sqlite(lookup: FeatureLookup, store: "FeatureStore", keys: Sequence[bytes]) -> None:
    """Delete the rows, then write the file anew: SQLite leaves what was deleted in free pages and in its log."""
    with closing(sqlite3.connect(lookup.root / store.config.online_store.path)) as online:
        tables = [name for (name,) in online.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in (name for name in tables if name.startswith(f"{store.project}_")):
            statement = f'DELETE FROM "{table}" WHERE entity_key = ?'  # noqa: S608  a name of Feast's own
            online.executemany(statement, [(key,) for key in keys])
        online.commit()
        online.execute("VACUUM")
        online.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _erase_from_redis(store: "FeatureStore", accounts: Sequence[str]) -> None:
    from feast.infra.online_stores.helpers import _redis_key

    client = store._get_provider().online_store._get_client(store.config.online_store)
    for account in accounts:
        client.delete(_redis_key(store.project, _entity(account), store.config.entity_key_serialization_version))


def _entity_key(account: str) -> bytes:
    from feast.infra.key_encoding_utils import serialize_entity_key

    return bytes(serialize_entity_key(_entity(account), entity_key_serialization_version=3))


def _entity(account: str) -> object:
    import_feast()
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    return EntityKey(join_keys=[_ENTITY], entity_values=[Value(string_val=account)])
