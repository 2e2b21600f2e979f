"""Rows of the online store: an account's features packed into one vector, its group, and a seal over all of it.

The store is a database of somebody else's (SQLite, Redis), without checksums. A seal is a number that any flipped bit
of the row changes, so that a damaged row is recognised when it is read.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from features.catalogue import FEATURE_NAMES

U64 = npt.NDArray[np.uint64]
GROUP = pl.Schema({"account_id": pl.String(), "campaign_id": pl.String(), "ties": pl.String(), "lift": pl.Float64()})
_DIGITS = 15  # of the SHA-256 of a row's texts, in hexadecimal: 60 bits
_BREAK = "\x1f"


def pack(features: pl.DataFrame, groups: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Pack features of one time into rows of the online store.

    Args:
        features: `FEATURES_SCHEMA`.
        groups: `GROUP`, of the accounts that are in a group.
        names: `account_id`, `canonical_id`: other ids of accounts, which get rows too.

    Returns:
        `account_id`, `as_of`, `vector` (in catalogue order; NaN stands for null, which a vector can't hold),
        `campaign_id`, `ties`, `lift`, `seal`.
    """
    vector = pl.concat_arr(pl.col(FEATURE_NAMES).fill_null(np.nan)).arr.to_list().alias("vector")
    rows = features.select("account_id", "as_of", vector).join(groups, on="account_id", how="left")
    others = names.join(rows, left_on="canonical_id", right_on="account_id").drop("canonical_id")
    both = pl.concat([rows, others.select(rows.columns)])
    return both.with_columns(seal=_seal_all(both))


def _seal_all(rows: pl.DataFrame) -> pl.Series:
    import polars_hash  # noqa: F401  (registers the .chash namespace; readers need it not)

    texts = pl.concat_str(pl.col("account_id", "campaign_id", "ties").fill_null(""), separator=_BREAK)
    digests: pl.Expr = texts.chash.sha2_256()  # type: ignore[attr-defined]
    words = rows.select(digests.str.slice(0, _DIGITS).str.to_integer(base=16, dtype=pl.Int64)).to_series()
    matrix = rows["vector"].list.to_array(len(FEATURE_NAMES)).to_numpy().reshape(-1, len(FEATURE_NAMES))
    seals = _seal(
        matrix, rows["as_of"].dt.epoch("s").to_numpy(), rows["lift"].fill_null(0.0).to_numpy(), words.to_numpy()
    )
    return pl.Series("seal", seals, pl.Int64)


def seal(
    account_ids: Sequence[str],
    matrix: npt.NDArray[np.float32],
    as_of: Sequence[datetime],
    campaigns: Sequence[str | None],
    ties: Sequence[str | None],
    lift: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """The seals that n rows must have that were read: `matrix` (n, F), `lift` (n,), the time to the second."""
    named = zip(account_ids, campaigns, ties, strict=True)
    texts = [_BREAK.join((account, campaign or "", tie or "")) for account, campaign, tie in named]
    digests = [int(hashlib.sha256(text.encode()).hexdigest()[:_DIGITS], 16) for text in texts]
    seconds = np.array([int(time.timestamp()) for time in as_of], dtype=np.int64)
    return _seal(matrix, seconds, lift, np.array(digests, dtype=np.int64))


def _seal(
    matrix: npt.NDArray[np.float32],
    seconds: npt.NDArray[np.int64],
    lift: npt.NDArray[np.float64],
    words: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Add the bits of all numbers, each times an odd number of its own, modulo 2**64: each bit counts in the sum."""
    *others, factors = _odd_numbers(matrix.shape[1])
    total: U64 = np.ascontiguousarray(matrix).view(np.uint32).astype(np.uint64) @ factors
    for column, factor in zip((seconds, np.ascontiguousarray(lift), words), others, strict=True):
        total += column.view(np.uint64) * factor
    return total.view(np.int64)


@lru_cache(maxsize=4)
def _odd_numbers(columns: int) -> tuple[np.uint64, np.uint64, np.uint64, U64]:
    """Three, and one for each column: the same in every process and release, since stored seals depend on them."""
    numbers = np.random.PCG64(0).random_raw(columns + 3) | np.uint64(1)
    return numbers[0], numbers[1], numbers[2], numbers[3:]
