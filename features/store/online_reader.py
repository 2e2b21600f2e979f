"""Reading the online store: rows are checked against their seals; a file may be replaced meanwhile."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.catalogue import FEATURE_NAMES
from features.errors import IntegrityError
from features.store.brought_online import newest_online
from features.store.feast_store import LOCK_SECONDS, REMEDY, check_database, is_damage, is_locked, open_feast
from features.store.online_rows import seal
from features.store.ownership import MARKER_ID, Marker, read_marker_text, store_identity

if TYPE_CHECKING:
    from feast import FeatureStore

FIELDS = ("vector", "campaign_id", "ties", "lift", "seal")  # of a row of the online store
VIEW = "account_vector"
_NEVER = datetime.fromtimestamp(0, UTC)
_Row = tuple[datetime | None, dict[str, Any] | None]


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

    def select(self, rows: Sequence[int]) -> "Online":
        """Return some of the rows."""
        lists = ([values[row] for row in rows] for values in (self.as_of, self.campaigns, self.ties))
        as_of, campaigns, ties = lists
        return Online(self.matrix[rows], as_of, campaigns, ties, self.lift[rows], self.damaged[rows])  # type: ignore[arg-type]


class ForeignStoreError(IntegrityError):
    """The online store was filled by another workspace."""


class OnlineReader:
    """Reads the online store of a workspace; not for several threads at once.

    Args:
        root: folder of the feature store.
        online_store: "sqlite" or a Redis URL.
        seconds: how long to wait for the store; None as long as commands do.
    """

    def __init__(self, root: Path, online_store: str, seconds: float | None) -> None:
        self._root, self._online_store, self._seconds = root.resolve(), online_store, seconds
        self._lock_seconds = LOCK_SECONDS if seconds is None else seconds
        self._file = self._root / "online.db" if online_store == "sqlite" else None
        self._store: FeatureStore | None = None
        self._opened: tuple[int, int] | None = None
        self._changed: tuple[int, int] | None = None

    def read(self, account_ids: Sequence[str]) -> Online:
        """The newest features and campaigns of n accounts, in the order asked; repeats allowed.

        Raises:
            ForeignStoreError: another workspace filled the store.
            IntegrityError: the store as a whole is damaged, or its file is missing.
            TimeoutError: its file is locked.
        """
        store = self._opened_store()
        return _checked(account_ids, self._rows(store, account_ids))

    def marker(self) -> Marker | None:
        """What the store says was brought online; None for a store that was emptied or never filled.

        Raises:
            ForeignStoreError, IntegrityError: as `read` does.
        """
        return self._marker(self._opened_store())

    def _marker(self, store: "FeatureStore") -> Marker | None:
        return read_marker_text(_checked([MARKER_ID], self._rows(store, [MARKER_ID], has_marker=True)).campaigns[0])

    def _rows(self, store: "FeatureStore", account_ids: Iterable[str], *, has_marker: bool = False) -> dict[str, _Row]:
        """What Feast's online store holds, by account."""
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        ids = [account for account in dict.fromkeys(account_ids) if has_marker or account != MARKER_ID]
        if not ids:
            return {}
        keys = [EntityKey(join_keys=["account_id"], entity_values=[Value(string_val=account)]) for account in ids]
        try:
            # Not `get_online_features`: what it builds around the same rows takes most of its time.
            rows = store._get_provider().online_read(store.config, self._view, keys, list(FIELDS))
        except Exception as error:
            if is_locked(error):
                raise TimeoutError(f"the online store of {self._root} is locked") from error
            if not is_damage(error):
                raise
            self._close()
            raise IntegrityError(f"the online store of {self._root} is damaged ({error}): {REMEDY}.") from error
        return dict(zip(ids, rows, strict=True))

    def _opened_store(self) -> "FeatureStore":
        """The store, opened anew if its file is another one than that which was opened."""
        state = None if self._file is None else self._state(self._file)
        if self._store is None or (state is not None and state[0] != self._opened):
            self._close()
            if self._file is not None and self._file.exists():
                check_database(self._file, self._lock_seconds)
            self._store = store = open_feast(self._root, self._online_store, self._seconds)
            self._view = store.get_feature_view(VIEW)
            if self._file is not None and self._seconds is not None:
                connection = store._get_provider().online_store._get_conn(store.config)
                connection.execute(f"PRAGMA busy_timeout={int(self._lock_seconds * 1e3)}")
            self._opened, self._changed = (None if state is None else state[0]), None
        if state is not None and state[1] != self._changed:  # a server's keys name the workspace themselves
            marker = self._marker(self._store)
            if marker is not None and marker.store_id != store_identity(self._root, is_shared=False):
                raise ForeignStoreError(f"{self._file} is of another workspace: {REMEDY}.")
            self._changed = state[1]
        return self._store

    def _state(self, file: Path) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Which file it is, and in which state; None for one that no command has made yet.

        Raises:
            IntegrityError: it was there, and is missing.
        """
        try:
            state = file.stat()
        except FileNotFoundError:
            if self._store is None and newest_online(self._root) is None:
                return None
            self._close()
            raise IntegrityError(f"{file} is missing: run `stillwatch build`.") from None
        return (state.st_dev, state.st_ino), (state.st_mtime_ns, state.st_size)

    def _close(self) -> None:
        if self._store is not None and self._file is not None:
            online = self._store._get_provider().online_store
            if online._conn is not None:
                with suppress(Exception):  # of SQLite, over a file that is damaged
                    online._conn.close()
        self._store = None


def _checked(account_ids: Sequence[str], rows: dict[str, _Row]) -> Online:
    """Turn rows into arrays; a row that does not fit its seal is damaged."""
    count, width = len(account_ids), len(FEATURE_NAMES)
    matrix, lift = np.full((count, width), np.nan, dtype=np.float32), np.zeros(count)
    times: list[datetime] = [_NEVER] * count
    campaigns: list[str | None] = [None] * count
    ties: list[str | None] = [None] * count
    seals, is_there, is_long = np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for row, account in enumerate(account_ids):
        time, values = rows.get(account, (None, None))
        if time is None or values is None:
            continue
        is_there[row] = any(value.WhichOneof("val") for value in values.values())
        times[row] = time
        if (value := values.get("vector")) and len(value.float_list_val.val) == width:
            # Packed numbers lie at the end of the message; one by one they would take most of the time.
            content = value.float_list_val.SerializeToString()
            matrix[row], is_long[row] = np.frombuffer(content, "<f4", offset=len(content) - 4 * width), True
        if value := values.get("campaign_id"):
            campaigns[row] = value.string_val or None
        if value := values.get("ties"):
            ties[row] = value.string_val or None
        if value := values.get("lift"):
            lift[row] = value.double_val
        if value := values.get("seal"):
            seals[row] = value.int64_val
    is_sound = (seal(account_ids, matrix, times, campaigns, ties, lift) == seals) & is_long
    if is_sound.all():
        return Online(matrix, [*times], campaigns, ties, lift, ~is_sound)
    matrix[~is_sound], lift[~is_sound] = np.nan, 0.0
    sound_times, campaigns, ties = (_where(is_sound, values) for values in (times, campaigns, ties))
    return Online(matrix, sound_times, campaigns, ties, lift, is_there & ~is_sound)


def _where(mask: npt.NDArray[np.bool_], values: Sequence[Any]) -> list[Any]:
    """The values where the mask is true, else None."""
    return [value if is_kept else None for value, is_kept in zip(values, mask.tolist(), strict=True)]
