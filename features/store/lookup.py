"""The one way from features to training and serving: Feast's historical join, materialisation and online read."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA, SCHEMA_VERSION
from features.errors import IntegrityError
from features.store.brought_online import LATEST, brought_online, newest_online, note_pushed, pushed_log
from features.store.feast_store import EMPTY, open_feast, seal_registry
from features.store.online_reader import VIEW, Online, OnlineReader
from features.store.online_rows import GROUP, pack
from features.store.ownership import MARKER_ID, Marker, store_identity
from features.tables.sealed_file import check_sealed, replace_sealed

if TYPE_CHECKING:
    from feast import FeatureStore

_STAMP = b"stillwatch"
_NAME = "%Y-%m-%dT%H%M%S.%f"  # of the offline files
_NAMES = {"account_id": pl.String, "canonical_id": pl.String}
_AROUND = timedelta(days=2)  # Feast compares in the local time zone; `latest.parquet` holds one time only


@dataclass(frozen=True)
class FeatureLookup:
    """The feature store of a workspace.

    Attributes:
        root: folder of the offline files, the registry and, by default, the online store.
        online_store: "sqlite" or a Redis URL.
        read_seconds: how long a reader waits for the online store; None as long as a command does.
    """

    root: Path
    online_store: str = "sqlite"
    read_seconds: float | None = None

    def holds(self, as_of: datetime, stamp: str) -> bool:
        """Are the features of that time there, read out under this catalogue from a lake with this stamp?"""
        path = self._offline(as_of)
        check_sealed(path)
        return path.exists() and pq.read_metadata(path).metadata.get(_STAMP) == _stamped(stamp)

    def write(self, features: pl.DataFrame, as_of: datetime, stamp: str) -> None:
        """Put the features of one time (`FEATURES_SCHEMA`) into the offline store; replaces those of the same time."""
        path = self._offline(as_of)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = features.select(FEATURES_SCHEMA.names()).to_arrow(compat_level=pl.CompatLevel.oldest())
        stamped = table.replace_schema_metadata({_STAMP: _stamped(stamp)})
        with _replaced(path) as draft:
            pq.write_table(stamped, draft, compression="zstd")

    def read(self, as_of: datetime) -> pl.DataFrame:
        """The features of one time as they were written (`FEATURES_SCHEMA`)."""
        return self._scan(as_of).collect()

    def read_some(self, as_of: datetime, account_ids: pl.Series) -> pl.DataFrame:
        """The features of some accounts as of a time that was written, in their order, null where unknown.

        They are those of `historical`, without the second or two that Feast takes to compile its join.
        """
        rows = pl.LazyFrame({"account_id": account_ids})
        return rows.join(self._scan(as_of), on="account_id", how="left", maintain_order="left").collect()

    def _scan(self, as_of: datetime) -> pl.LazyFrame:
        check_sealed(self._offline(as_of))
        features = pl.scan_parquet(self._offline(as_of))
        return features.select(pl.col(name).cast(kind) for name, kind in FEATURES_SCHEMA.items())

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
        vectors = _packed(self.read(as_of), groups, names)
        self.replace_latest(vectors)
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its progress bars
            store.materialize(as_of - _AROUND, as_of + _AROUND, feature_views=[VIEW])
        self._mark(as_of, len(vectors))
        pushed_log(self.root).rewrite(vectors["account_id"], as_of)
        seal_registry(self.root)
        return True

    def replace_latest(self, vectors: pl.DataFrame) -> None:
        """Put other rows in the place of those that were last brought online; the online store stays as it is."""
        with _replaced(self.root / LATEST) as draft:
            vectors.write_parquet(draft)

    def push(self, features: pl.DataFrame, groups: pl.DataFrame, names: pl.DataFrame | None = None) -> None:
        """Bring the features of some accounts online; what is there of others stays.

        A store that was emptied stays without its marker, since the others are not there.

        Args:
            features: `FEATURES_SCHEMA`, all rows as of one time.
            groups: see `materialize`, as the next.
            names: other ids.
        """
        if features.is_empty():
            return
        rows, as_of = _packed(features, groups, names), features["as_of"].max()
        assert isinstance(as_of, datetime)
        marker = self.marker()
        self._write_online(rows)
        if marker is not None:
            self._mark(as_of, marker.accounts)
        note_pushed(self.root, rows["account_id"].to_list(), as_of)

    def groups(self) -> pl.DataFrame:
        """The groups as they were last brought online for all accounts: `account_id`, `campaign_id`, `ties`, `lift`."""
        latest = self.root / LATEST
        if not latest.exists():
            return pl.DataFrame(schema=GROUP)
        check_sealed(latest)
        return pl.read_parquet(latest, columns=GROUP.names()).filter(pl.col("lift").is_not_null())

    def materialized(self) -> datetime | None:
        """The newest time whose features were brought online, of all accounts or of some."""
        return newest_online(self.root)

    def online(self, account_ids: Sequence[str]) -> Online:
        """The newest features and campaigns of n accounts, in the order asked; repeats allowed.

        Raises:
            IntegrityError: the store as a whole is damaged, or was filled by another workspace.
        """
        return self._reader.read(account_ids)

    def marker(self) -> Marker | None:
        """What the online store says was brought online; None if it says nothing, as after it was emptied."""
        marker = self._reader.marker()
        return marker if marker is None or marker.store_id == self._identity() else None

    def expected(self, account_ids: Sequence[str]) -> set[str]:
        """Those of some accounts that were brought online, and so must be in the online store."""
        return brought_online(self.root, account_ids)

    def feast_store(self) -> "FeatureStore":
        """Feast over this store."""
        return self._store

    def read_outs(self) -> list[tuple[Path, datetime]]:
        """The files of the offline store with their times, the earliest first."""
        files = sorted(path for path in (self.root / "offline").glob("*.parquet") if path.stem != EMPTY)
        return [(path, datetime.strptime(path.stem, _NAME).replace(tzinfo=UTC)) for path in files]

    def _offline(self, as_of: datetime) -> Path:
        return self.root / "offline" / f"{as_of.astimezone(UTC):{_NAME}}.parquet"

    def _mark(self, as_of: datetime, accounts: int) -> None:
        """Say in the online store itself what is there; the last step of bringing rows online."""
        text = Marker(self._identity(), as_of, accounts).to_text()
        time = pl.lit(as_of).cast(FEATURES_SCHEMA["as_of"])
        row = pl.DataFrame({"account_id": [MARKER_ID]}).with_columns(as_of=time)
        nothing = [pl.lit(None, kind).alias(name) for name, kind in FEATURES_SCHEMA.items() if name in FEATURE_NAMES]
        group = pl.DataFrame({"account_id": [MARKER_ID], "campaign_id": [text], "ties": [None], "lift": [None]}, GROUP)
        self._write_online(_packed(row.with_columns(nothing), group, None))

    def _write_online(self, rows: pl.DataFrame) -> None:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its progress bars
            self._store.write_to_online_store(VIEW, rows.to_pandas())

    def _identity(self) -> str:
        return store_identity(self.root.resolve(), is_shared=self.online_store != "sqlite")

    @cached_property
    def _reader(self) -> OnlineReader:
        return OnlineReader(self.root, self.online_store, self.read_seconds)

    @cached_property
    def _store(self) -> "FeatureStore":
        return open_feast(self.root.resolve(), self.online_store)


def _packed(features: pl.DataFrame, groups: pl.DataFrame | None, names: pl.DataFrame | None) -> pl.DataFrame:
    """See `features.store.online_rows.pack`."""
    memberships = pl.DataFrame(schema=GROUP) if groups is None else groups.select(GROUP.names())
    return pack(features, memberships, pl.DataFrame(schema=_NAMES) if names is None else names)


def _stamped(stamp: str) -> bytes:
    return f"{SCHEMA_VERSION}/{stamp}".encode()


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A draft beside a file; it takes the file's place when it is whole. A killed writer's is removed."""
    for left in path.parent.glob(f"{path.stem}.*.draft"):
        left.unlink()
    draft = path.with_suffix(f".{os.getpid()}.draft")
    yield draft
    replace_sealed(draft, path)
