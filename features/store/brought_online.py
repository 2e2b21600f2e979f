"""What a workspace brought online, by its own files: a row that the online store lost is never taken for a stranger's.

`latest.parquet` holds the rows of the last time that all accounts were brought online, `features.store.pushed_log` the
accounts that only came online one by one since (`FeatureLookup.push`).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from features.store.pushed_log import PushedLog
from features.tables.sealed_file import check_sealed

LATEST = "latest.parquet"


def newest_online(root: Path) -> datetime | None:
    """The newest time whose features were brought online, of all accounts or of some."""
    times = [pushed_log(root).newest()]
    if (latest := root / LATEST).exists():
        check_sealed(latest)
        times.append(pl.scan_parquet(latest).select(pl.col("as_of").max()).collect().item())
    return max(filter(None, times), default=None)


def brought_online(root: Path, account_ids: Sequence[str]) -> set[str]:
    """Those of some accounts that were brought online, and so must be in the online store."""
    asked = pl.Series(account_ids, dtype=pl.String)
    is_listed = _in_latest(root, asked) | pushed_log(root).lists(asked)
    return set(asked.filter(pl.Series(is_listed, dtype=pl.Boolean)))


def note_pushed(root: Path, account_ids: Sequence[str], as_of: datetime) -> None:
    """Note that accounts came online one by one; of those that are in `latest.parquet` only the time."""
    ids = pl.Series(account_ids, dtype=pl.String)
    new = ids.filter(pl.Series(~_in_latest(root, ids), dtype=pl.Boolean))
    pushed_log(root).append(new, as_of)


@lru_cache(maxsize=8)
def pushed_log(root: Path) -> PushedLog:
    """The log of a feature store, as far as this process has read it."""
    return PushedLog(root)


def _in_latest(root: Path, account_ids: pl.Series) -> npt.NDArray[np.bool_]:
    path = root / LATEST
    if not path.exists() or account_ids.is_empty():
        return np.zeros(len(account_ids), np.bool_)
    state, hashes = path.stat(), account_ids.hash().to_numpy()
    online = _hashed_accounts(path, (state.st_mtime_ns, state.st_ino))
    return np.asarray(online[np.searchsorted(online[:-1], hashes)] == hashes)


@lru_cache(maxsize=4)
def _hashed_accounts(path: Path, state: tuple[int, int]) -> npt.NDArray[np.uint64]:  # noqa: ARG001  (keys the cache)
    """The sorted hashes of the accounts in a file in a state, and a last 0; in memory, 8 bytes an account.

    They are for this process alone: another release of Polars hashes otherwise.
    """
    ids = pl.read_parquet(path, columns=["account_id"])["account_id"]
    return np.append(np.sort(ids.hash().to_numpy()), np.uint64(0))
