"""Feast over a workspace's folder: opened, its definitions applied, its own files checked."""

import sqlite3
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import yaml

from features.catalogue import FEATURES_SCHEMA, SCHEMA_VERSION
from features.errors import IntegrityError
from features.store.library import import_feast
from features.store.online_rows import GROUP, pack
from features.store.ownership import store_identity
from features.store.redis_client import bare_address, connect_redis
from features.tables.sealed_file import is_sealed, seal_file

if TYPE_CHECKING:
    from feast import FeatureStore

EMPTY = "0000"  # name of the offline file that stands in until there are any
LOCK_SECONDS = 5.0  # that a command waits for a file that somebody has locked; SQLite's own default
_REGISTRY = "registry.db"
REMEDY = "remove online.db there and run `stillwatch build`"


def open_feast(root: Path, online_store: str, seconds: float | None = None) -> "FeatureStore":
    """Feast over a folder, its definitions applied once for a catalogue and place.

    Args:
        root: absolute path of the folder.
        online_store: "sqlite" or a Redis URL.
        seconds: how long a reader waits for the online store; None for a command.
    """
    feast = import_feast()
    from features.store.definitions import LAYOUT

    root.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((Path(__file__).parent / "feature_store.yaml").read_text())
    config["registry"] = str(root / _REGISTRY)  # Feast would look in the working directory
    is_new = online_store == "sqlite" and not (root / config["online_store"]["path"]).exists()
    if online_store == "sqlite":
        _set_wal(root / config["online_store"]["path"], LOCK_SECONDS if seconds is None else seconds)
    else:
        # Rows of a workspace have keys of their own. Feast would leave a row whose time is the same, though its group
        # may be another.
        config["project"] += f"_{store_identity(root, is_shared=True)}"
        shown = bare_address(online_store)
        config["online_store"] = {"type": "redis", "connection_string": shown, "skip_dedup": True}
    _drop_if_damaged(root / _REGISTRY)
    store = feast.FeatureStore(config=feast.RepoConfig(**config, repo_path=root))
    if online_store != "sqlite":
        store._get_provider().online_store._client = connect_redis(online_store, seconds)
    version = {"schema_version": SCHEMA_VERSION, "layout": LAYOUT, "root": str(root)}
    if is_new or all(service.tags.items() != version.items() for service in store.list_feature_services()):
        _apply(store, root)
    return store


def seal_registry(root: Path) -> None:
    """Note what Feast's registry holds; call it after each step that lets Feast write it."""
    seal_file(root / _REGISTRY)


def check_database(path: Path, seconds: float = LOCK_SECONDS) -> None:
    """Check that no page of an SQLite file is damaged so that rows could be missed; rows have seals of their own.

    Args:
        path: the file.
        seconds: how long to wait for somebody who has locked it.

    Raises:
        IntegrityError: one is.
        TimeoutError: the file is locked.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=seconds)) as database:
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if is_locked(error):
            raise TimeoutError(f"{path} is locked") from error
        verdict = str(error)
    if verdict != "ok":
        said = " ".join(verdict.split())
        raise IntegrityError(f"{path} is damaged ({said}): {REMEDY}.")


def is_locked(error: Exception) -> bool:
    """Tell whether an error of SQLite means that somebody has locked the file."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def is_damage(error: Exception) -> bool:
    """Tell whether an error of a read means that the store holds what nobody wrote."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    of_values = (TypeError, AttributeError, ValueError, OverflowError)  # of Feast, over a time that is none
    return isinstance(error, (sqlite3.DatabaseError, DecodeError, *of_values))


def _drop_if_damaged(registry: Path) -> None:
    """Feast writes its registry in place, so a kill may leave a part of it; all that is in it is applied again."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    content = registry.read_bytes() if registry.exists() else b""
    try:
        Registry.FromString(content)
    except Exception:  # of protobuf, which is Feast's business
        registry.unlink()
        return
    if content and not is_sealed(registry):
        registry.unlink()


def _apply(store: "FeatureStore", root: Path) -> None:
    """Register the definitions; Feast looks at the sources' columns, so empty files stand in until there are any."""
    from features.store.definitions import definitions

    (root / "offline").mkdir(exist_ok=True)
    nothing = pl.DataFrame(schema=FEATURES_SCHEMA)
    if not any((root / "offline").glob("*.parquet")):
        nothing.write_parquet(root / "offline" / f"{EMPTY}.parquet")
    if not (root / "latest.parquet").exists():
        names = pl.DataFrame(schema={"account_id": pl.String, "canonical_id": pl.String})
        pack(nothing, pl.DataFrame(schema=GROUP), names).write_parquet(root / "latest.parquet")
    with redirect_stdout(StringIO()):
        store.apply(definitions(root))
    seal_registry(root)


def _set_wal(path: Path, seconds: float) -> None:
    """Let readers read while one writer writes; Feast sets no journal mode, and this one stays with the file."""
    try:
        with closing(sqlite3.connect(path, timeout=seconds)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.DatabaseError as error:
        if is_locked(error):
            raise TimeoutError(f"{path} is locked") from error
        raise IntegrityError(f"{path} is damaged ({error}): {REMEDY}.") from error
