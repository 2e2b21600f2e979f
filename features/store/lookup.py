"""The one way from features to training and serving: Feast's historical join, materialisation and online read."""

import os
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq
import yaml

from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA, SCHEMA_VERSION
from features.errors import IntegrityError
from features.store.library import import_feast
from features.tables.sealed_file import check_sealed, replace_sealed

if TYPE_CHECKING:
    from feast import FeatureStore

_STAMP = b"stillwatch"
_NAME, _EMPTY = "%Y-%m-%dT%H%M%S.%f", "0000"  # of the offline files, and of the one that stands in until there are any
_GROUP = pl.Schema({"account_id": pl.String(), "campaign_id": pl.String(), "ties": pl.String(), "lift": pl.Float64()})
_AROUND = timedelta(days=2)  # Feast compares in the local time zone; `latest.parquet` holds one time only


class Online(NamedTuple):
    """The newest that is known of n accounts.

    Attributes:
        matrix: shape (n, features) in catalogue order, NaN where unknown.
        as_of: the time of each row, None for an unknown account.
        campaigns: the campaign that each account belongs to most, None for none.
        ties: what it shares with that campaign's other accounts, for analysts; None for none.
        lift: (n,) what each account's group adds to its score; 0 for none.
    """

    matrix: npt.NDArray[np.float32]
    as_of: list[datetime | None]
    campaigns: list[str | None]
    ties: list[str | None]
    lift: npt.NDArray[np.float64]


@dataclass(frozen=True)
class FeatureLookup:
    """The feature store of a workspace.

    Attributes:
        root: folder of the offline files, the registry and, by default, the online store.
        online_store: "sqlite" or a Redis URL.
    """

    root: Path
    online_store: str = "sqlite"

    def holds(self, as_of: datetime, stamp: str) -> bool:
        """Are the features of that time there, read out under this catalogue from a lake with this stamp?"""
        path = self._offline(as_of)
        check_sealed(path)
        return path.exists() and pq.read_metadata(path).metadata.get(_STAMP) == _mark(stamp)

    def write(self, features: pl.DataFrame, as_of: datetime, stamp: str) -> None:
        """Put the features of one time (`FEATURES_SCHEMA`) into the offline store; replaces those of the same time."""
        path = self._offline(as_of)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = features.select(FEATURES_SCHEMA.names()).to_arrow(compat_level=pl.CompatLevel.oldest())
        stamped = table.replace_schema_metadata({_STAMP: _mark(stamp)})
        with _replaced(path) as draft:
            pq.write_table(stamped, draft, compression="zstd")

    def read(self, as_of: datetime) -> pl.DataFrame:
        """The features of one time as they were written (`FEATURES_SCHEMA`)."""
        check_sealed(self._offline(as_of))
        return pl.read_parquet(self._offline(as_of)).select(
            pl.col(name).cast(kind) for name, kind in FEATURES_SCHEMA.items()
        )

    def historical(self, entities: pl.DataFrame) -> pl.DataFrame:
        """Features as they were known at each row's time (Feast's point-in-time join).

        Args:
            entities: `account_id`, `as_of`, and any further columns; n rows.

        Returns:
            The same n rows in the same order, with `FEATURE_NAMES` as Float32, null where unknown.

        Raises:
            IntegrityError: a file of the store is damaged, or the join lost or invented rows.
        """
        for path, _ in self.read_outs():
            check_sealed(path)
        keyed = entities.select("account_id", "as_of").unique().with_row_index("entity")
        frame = keyed.rename({"as_of": "event_timestamp"}).to_pandas()
        frame["event_timestamp"] = frame["event_timestamp"].astype("datetime64[us, UTC]")
        store = self._store
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # ibis's own, about DuckDB
            job = store.get_historical_features(frame, store.get_feature_service("risk"))
            joined = pl.DataFrame(job.to_arrow())
        if len(joined) != len(keyed) or joined["entity"].n_unique() != len(keyed):
            raise IntegrityError(
                f"the feature store returned {len(joined)} rows for {len(keyed)} accounts: run `stillwatch build`."
            )
        values = joined.select(
            pl.col("entity").cast(keyed.schema["entity"]),
            pl.col(FEATURE_NAMES).cast(pl.Float32).fill_nan(None),
        )
        features = keyed.join(values, on="entity").drop("entity")
        return entities.join(features, on=["account_id", "as_of"], how="left", maintain_order="left")

    def materialize(
        self,
        as_of: datetime,
        now: datetime | None = None,
        groups: pl.DataFrame | None = None,
        names: pl.DataFrame | None = None,
    ) -> bool:
        """Bring the features of one time online, unless a later time is there already.

        Args:
            as_of: their time.
            now: the clock; what is online for a time after it was a mistake and gives way.
            groups: `account_id`, `campaign_id`, `ties`, `lift` of the accounts that are in a group.
            names: `account_id`, `canonical_id`: other ids of accounts, by which they can be asked for too.

        Returns:
            False if the online store holds a later time, and was left as it is.
        """
        store = self._store
        newest = self.materialized()
        if newest is not None and newest > as_of and (now is None or newest <= now):
            return False
        named = pl.read_parquet(self._offline(as_of))
        memberships = pl.DataFrame(schema=_GROUP) if groups is None else groups.select(_GROUP.names())
        vectors = named.select("account_id", "as_of", _vector()).join(memberships, on="account_id", how="left")
        self.replace_latest(vectors if names is None else _with_other_ids(vectors, names))
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its progress bars
            store.materialize(as_of - _AROUND, as_of + _AROUND, feature_views=["account_vector"])
        return True

    def replace_latest(self, vectors: pl.DataFrame) -> None:
        """Put other rows in the place of those that were last brought online; the online store stays as it is."""
        with _replaced(self.root / "latest.parquet") as draft:
            vectors.write_parquet(draft)

    def materialized(self) -> datetime | None:
        """The time whose features were last brought online."""
        latest = self.root / "latest.parquet"
        newest: datetime | None = None
        if latest.exists():
            check_sealed(latest)
            newest = pl.scan_parquet(latest).select(pl.col("as_of").max()).collect().item()
        return newest

    def online(self, account_ids: Sequence[str]) -> Online:
        """The newest features and campaigns of n accounts, in the order asked; repeats allowed."""
        wanted = [f"account_vector:{name}" for name in ("vector", "campaign_id", "ties", "lift")]
        response = self._store.get_online_features(wanted, {"account_id": list(account_ids)})
        columns = dict(zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True))
        result = columns["vector"]
        matrix = np.full((len(account_ids), len(FEATURE_NAMES)), np.nan, dtype=np.float32)
        times: list[datetime | None] = []
        for row, (value, time) in enumerate(zip(result.values, result.event_timestamps, strict=True)):
            vector = value.float_list_val.val
            times.append(time.ToDatetime(tzinfo=UTC) if len(vector) else None)
            if len(vector):
                matrix[row] = vector
        campaigns, ties = (
            [value.string_val or None for value in columns[name].values] for name in ("campaign_id", "ties")
        )
        lift = np.fromiter((value.double_val for value in columns["lift"].values), np.float64, len(account_ids))
        return Online(matrix, times, campaigns, ties, lift)

    def feast_store(self) -> "FeatureStore":
        """Feast over this store."""
        return self._store

    def read_outs(self) -> list[tuple[Path, datetime]]:
        """The files of the offline store with their times, the earliest first."""
        files = sorted(path for path in (self.root / "offline").glob("*.parquet") if path.stem != _EMPTY)
        return [(path, datetime.strptime(path.stem, _NAME).replace(tzinfo=UTC)) for path in files]

    def _offline(self, as_of: datetime) -> Path:
        return self.root / "offline" / f"{as_of.astimezone(UTC):{_NAME}}.parquet"

    @cached_property
    def _store(self) -> "FeatureStore":
        return _open_store(self.root.resolve(), self.online_store)


def _vector() -> pl.Expr:
    """All features as one list, in catalogue order; NaN stands for null, which a vector can't hold."""
    return pl.concat_arr(pl.col(FEATURE_NAMES).fill_null(np.nan)).arr.to_list().alias("vector")


def _with_other_ids(vectors: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Add the rows of accounts that have other ids under these too."""
    others = names.join(vectors, left_on="canonical_id", right_on="account_id").drop("canonical_id")
    return pl.concat([vectors, others.select(vectors.columns)])


def _mark(stamp: str) -> bytes:
    return f"{SCHEMA_VERSION}/{stamp}".encode()


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A draft beside a file; it takes the file's place when it is whole. A killed writer's is removed."""
    for left in path.parent.glob(f"{path.stem}.*.draft"):
        left.unlink()
    draft = path.with_suffix(f".{os.getpid()}.draft")
    yield draft
    replace_sealed(draft, path)


def _open_store(root: Path, online_store: str) -> "FeatureStore":
    """Feast over a workspace's folder, its definitions applied once for a catalogue and place."""
    feast = import_feast()
    from features.store.definitions import LAYOUT

    root.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((Path(__file__).parent / "feature_store.yaml").read_text())
    config["registry"] = str(root / config["registry"])  # Feast would look in the working directory
    if online_store == "sqlite":
        _set_wal(root / config["online_store"]["path"])
    else:
        config["online_store"] = {"type": "redis", "connection_string": _redis_address(online_store)}
    _drop_if_half_written(Path(config["registry"]))
    store = feast.FeatureStore(config=feast.RepoConfig(**config, repo_path=root))
    version = {"schema_version": SCHEMA_VERSION, "layout": LAYOUT, "root": str(root)}
    if all(service.tags.items() != version.items() for service in store.list_feature_services()):
        _apply(store, root)
    return store


def _drop_if_half_written(registry: Path) -> None:
    """Feast writes its registry in place, and can't read what a kill left of it; all that is in it is applied again."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    content = registry.read_bytes() if registry.exists() else b""
    try:
        Registry.FromString(content)
    except Exception:  # of protobuf, which is Feast's business
        registry.unlink()


def _apply(store: "FeatureStore", root: Path) -> None:
    """Register the definitions; Feast looks at the sources' columns, so empty files stand in until there are any."""
    from features.store.definitions import definitions

    (root / "offline").mkdir(exist_ok=True)
    if not any((root / "offline").glob("*.parquet")):
        pl.DataFrame(schema=FEATURES_SCHEMA).write_parquet(root / "offline" / f"{_EMPTY}.parquet")
    if not (root / "latest.parquet").exists():
        vectors = pl.DataFrame(schema=FEATURES_SCHEMA).select("account_id", "as_of", _vector())
        nowhere = {name: pl.lit(None, kind) for name, kind in _GROUP.items() if name != "account_id"}
        vectors.with_columns(**nowhere).write_parquet(root / "latest.parquet")
    with redirect_stdout(StringIO()):
        store.apply(definitions(root))


def _set_wal(path: Path) -> None:
    """Let readers read while one writer writes; Feast sets no journal mode, and this one stays with the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _redis_address(url: str) -> str:
    """A Redis URL in Feast's form: host:port,option=value."""
    parts = urlsplit(url)
    options = {"ssl": "true"} if parts.scheme == "rediss" else {}
    if parts.password:
        options["password"] = parts.password
    if parts.path.strip("/"):
        options["db"] = parts.path.strip("/")
    return ",".join([f"{parts.hostname}:{parts.port or 6379}", *(f"{k}={v}" for k, v in options.items())])
