"""What a workspace brought online, by its own files: a row that the online store lost is never taken for a stranger's.

`latest.parquet` holds the rows of the last time that all accounts were brought online, `pushed.parquet` the accounts
that only came online one by one since (`FeatureLookup.push`).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from features.tables.sealed_file import check_sealed

LATEST, PUSHED = "latest.parquet", "pushed.parquet"
PUSHED_SCHEMA = pl.Schema({"account_id": pl.String(), "as_of": pl.Datetime("us", "UTC")})


def newest_online(root: Path) -> datetime | None:
    """The newest time whose features were brought online, of all accounts or of some."""
    times = []
    for path in (root / LATEST, root / PUSHED):
        if path.exists():
            check_sealed(path)
            times.append(pl.scan_parquet(path).select(pl.col("as_of").max()).collect().item())
    return max(filter(None, times), default=None)


def brought_online(root: Path, account_ids: Sequence[str]) -> set[str]:
    """Those of some accounts that were brought online, and so must be in the online store."""
    asked = pl.Series(account_ids, dtype=pl.String)
    hashes = asked.hash().to_numpy()
    is_listed = np.zeros(len(asked), dtype=np.bool_)
    for path in (root / LATEST, root / PUSHED):
        if path.exists() and len(asked):
            state = path.stat()
            online = _hashed_accounts(path, (state.st_mtime_ns, state.st_ino))
            is_listed |= online[np.searchsorted(online[:-1], hashes)] == hashes
    return set(asked.filter(pl.Series(is_listed, dtype=pl.Boolean)))


def list_pushed(root: Path, account_ids: Sequence[str], as_of: datetime) -> pl.DataFrame:
    """The accounts that are online and not in `latest.parquet`, after some were pushed (`PUSHED_SCHEMA`).

    A row without an account keeps the time of a push that brought nobody new.
    """
    path = root / PUSHED
    earlier = pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=PUSHED_SCHEMA)
    if "account_id" not in earlier.columns:  # as an older release left it
        earlier = pl.DataFrame(schema=PUSHED_SCHEMA)
    listed = set(earlier["account_id"].drop_nulls())
    new = sorted(set(account_ids) - brought_online(root, account_ids) - listed)
    rows = pl.DataFrame({"account_id": [*sorted(listed), *new, None]}, schema={"account_id": pl.String})
    return rows.with_columns(as_of=pl.lit(as_of).cast(PUSHED_SCHEMA["as_of"]))


@lru_cache(maxsize=4)
def _hashed_accounts(path: Path, state: tuple[int, int]) -> npt.NDArray[np.uint64]:  # noqa: ARG001  (keys the cache)
    """The sorted hashes of the accounts in a file in a state, and a last 0; in memory, 8 bytes an account.

    They are for this process alone: another release of Polars hashes otherwise.
    """
    frame = pl.read_parquet(path)
    ids = frame["account_id"].drop_nulls() if "account_id" in frame.columns else pl.Series([], dtype=pl.String)
    return np.append(np.sort(ids.hash().to_numpy()), np.uint64(0))
