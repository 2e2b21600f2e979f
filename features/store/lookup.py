"""The one way from features to training and serving: Feast's historical join, materialisation and online read."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA, SCHEMA_VERSION
from features.errors import IntegrityError
from features.store.feast_store import EMPTY, REMEDY, check_database, is_damage, open_feast, seal_registry
from features.store.online_rows import GROUP, pack, seal
from features.tables.sealed_file import check_sealed, replace_sealed

if TYPE_CHECKING:
    from feast import FeatureStore

_STAMP = b"stillwatch"
_NAME = "%Y-%m-%dT%H%M%S.%f"  # of the offline files
_NAMES = {"account_id": pl.String, "canonical_id": pl.String}
_FIELDS = ("vector", "campaign_id", "ties", "lift", "seal")  # of a row of the online store
_LATEST, _PUSHED = "latest.parquet", "pushed.parquet"
_AROUND = timedelta(days=2)  # Feast compares in the local time zone; `latest.parquet` holds one time only


class Online(NamedTuple):
    """The newest that is known of n accounts.

    Attributes:
        matrix: shape (n, features) in catalogue order, NaN where unknown.
        as_of: the time of each row, None for an account that is unknown or whose row is damaged.
        campaigns: the campaign that each account belongs to most, None for none.
        ties: what it shares with that campaign's other accounts, for analysts; None for none.
        lift: (n,) what each account's group adds to its score; 0 for none.
        damaged: (n,) whether the store holds something of the account that is not what was written.
    """

    matrix: npt.NDArray[np.float32]
    as_of: list[datetime | None]
    campaigns: list[str | None]
    ties: list[str | None]
    lift: npt.NDArray[np.float64]
    damaged: npt.NDArray[np.bool_]


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
        self.replace_latest(_packed(self.read(as_of), groups, names))
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its progress bars
            store.materialize(as_of - _AROUND, as_of + _AROUND, feature_views=["account_vector"])
        seal_registry(self.root)
        return True

    def replace_latest(self, vectors: pl.DataFrame) -> None:
        """Put other rows in the place of those that were last brought online; the online store stays as it is."""
        with _replaced(self.root / _LATEST) as draft:
            vectors.write_parquet(draft)

    def push(self, features: pl.DataFrame, groups: pl.DataFrame, names: pl.DataFrame | None = None) -> None:
        """Bring the features of some accounts online; what is there of others stays.

        Args:
            features: `FEATURES_SCHEMA`, all rows as of one time.
            groups: see `materialize`, as the next.
            names: other ids.
        """
        if features.is_empty():
            return
        rows = _packed(features, groups, names).to_pandas()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            self._store.write_to_online_store("account_vector", rows)
        with _replaced(self.root / _PUSHED) as draft:
            features.select(pl.col("as_of").max()).write_parquet(draft)

    def groups(self) -> pl.DataFrame:
        """The groups as they were last brought online for all accounts: `account_id`, `campaign_id`, `ties`, `lift`."""
        latest = self.root / _LATEST
        if not latest.exists():
            return pl.DataFrame(schema=GROUP)
        check_sealed(latest)
        return pl.read_parquet(latest, columns=GROUP.names()).filter(pl.col("lift").is_not_null())

    def materialized(self) -> datetime | None:
        """The newest time whose features were brought online, of all accounts or of some."""
        times = []
        for path in (self.root / _LATEST, self.root / _PUSHED):
            if path.exists():
                check_sealed(path)
                times.append(pl.scan_parquet(path).select(pl.col("as_of").max()).collect().item())
        return max(filter(None, times), default=None)

    def online(self, account_ids: Sequence[str]) -> Online:
        """The newest features and campaigns of n accounts, in the order asked; repeats allowed.

        Raises:
            IntegrityError: the store as a whole is damaged.
        """
        rows, count = self._read_online(account_ids), len(account_ids)
        matrix, vectors = np.full((count, len(FEATURE_NAMES)), np.nan, dtype=np.float32), rows["vector"].values
        lengths = [len(value.float_list_val.val) for value in vectors]
        for row, length in enumerate(lengths):
            if length == len(FEATURE_NAMES):
                matrix[row] = vectors[row].float_list_val.val
        times = [time.ToDatetime(tzinfo=UTC) for time in rows["vector"].event_timestamps]
        campaigns, ties = (
            [value.string_val or None for value in rows[name].values] for name in ("campaign_id", "ties")
        )
        lift = np.array([value.double_val for value in rows["lift"].values], dtype=np.float64)
        seals = [value.int64_val for value in rows["seal"].values]
        is_sound = (seal(account_ids, matrix, times, campaigns, ties, lift) == seals) & np.array(lengths, dtype=bool)
        if is_sound.all():
            return Online(matrix, [*times], campaigns, ties, lift, ~is_sound)
        is_there = np.any([[bool(value.WhichOneof("val")) for value in rows[name].values] for name in _FIELDS], axis=0)
        matrix[~is_sound], lift[~is_sound] = np.nan, 0.0
        times_of_sound, campaigns, ties = (_where(is_sound, values) for values in (times, campaigns, ties))
        return Online(matrix, times_of_sound, campaigns, ties, lift, is_there & ~is_sound)

    def _read_online(self, account_ids: Sequence[str]) -> dict[str, Any]:
        """Feast's answer by field.

        Raises:
            IntegrityError: the store can't be read.
        """
        wanted = [f"account_vector:{name}" for name in _FIELDS]
        try:
            response = self._checked_store.get_online_features(wanted, {"account_id": list(account_ids)})
        except Exception as error:
            if not is_damage(error):
                raise
            raise IntegrityError(f"the online store of {self.root} is damaged ({error}): {REMEDY}.") from error
        return dict(zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True))

    def expected(self, account_ids: Sequence[str]) -> set[str]:
        """Those of some accounts that were last brought online, and so must be in the online store."""
        latest = self.root / _LATEST
        if not latest.exists():
            return set()
        state = latest.stat()
        online = _hashed_accounts(latest, (state.st_mtime_ns, state.st_ino))
        asked = pl.Series(account_ids, dtype=pl.String)
        hashes = asked.hash().to_numpy()
        return set(asked.filter(pl.Series(online[np.searchsorted(online[:-1], hashes)] == hashes)))

    def feast_store(self) -> "FeatureStore":
        """Feast over this store."""
        return self._store

    def read_outs(self) -> list[tuple[Path, datetime]]:
        """The files of the offline store with their times, the earliest first."""
        files = sorted(path for path in (self.root / "offline").glob("*.parquet") if path.stem != EMPTY)
        return [(path, datetime.strptime(path.stem, _NAME).replace(tzinfo=UTC)) for path in files]

    def _offline(self, as_of: datetime) -> Path:
        return self.root / "offline" / f"{as_of.astimezone(UTC):{_NAME}}.parquet"

    @cached_property
    def _checked_store(self) -> "FeatureStore":
        """Feast over this store, of which a local online store has been looked through once."""
        store = self._store
        if self.online_store == "sqlite":
            check_database(self.root / "online.db")
        return store

    @cached_property
    def _store(self) -> "FeatureStore":
        return open_feast(self.root.resolve(), self.online_store)


@lru_cache(maxsize=1)
def _hashed_accounts(path: Path, state: tuple[int, int]) -> npt.NDArray[np.uint64]:  # noqa: ARG001  (keys the cache)
    """The sorted hashes of the accounts in a file in a state, and a last 0; in memory, 8 bytes an account.

    They are for this process alone: another release of Polars hashes otherwise.
    """
    hashes = pl.read_parquet(path, columns=["account_id"])["account_id"].hash()
    return np.append(np.sort(hashes.to_numpy()), np.uint64(0))


def _packed(features: pl.DataFrame, groups: pl.DataFrame | None, names: pl.DataFrame | None) -> pl.DataFrame:
    """See `features.store.online_rows.pack`."""
    memberships = pl.DataFrame(schema=GROUP) if groups is None else groups.select(GROUP.names())
    return pack(features, memberships, pl.DataFrame(schema=_NAMES) if names is None else names)


def _where(mask: npt.NDArray[np.bool_], values: Sequence[Any]) -> list[Any]:
    """The values where the mask is true, else None."""
    return [value if is_kept else None for value, is_kept in zip(values, mask.tolist(), strict=True)]


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
