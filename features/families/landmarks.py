"""Landmarks: the accounts that all others are compared with, and how accounts send, whatever the text.

They are drawn by a public hash of their ids, so that no secret and no order of rows decides who is one. Their number is
bounded, so comparing every account with them takes time in proportion to the accounts.
"""

from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash  # noqa: F401  (registers the .nchash namespace)

from features.families.fixed_point import mean_and_spread, share
from features.schemas import KEY_KINDS

MOST = 3_000  # landmarks; doubled, comparisons take twice as long. Chosen for time, not for quality
LEAST_TOPICS = 10  # requests with a topic; an account with fewer shows no distribution
LEAST_OLD = 300  # old landmarks; with fewer of them the young ones are references too
KINDS = ("cell", "capability")
_AGE = pl.duration(days=28)  # from which on an account is old: a young pool must not be its own reference
_SEED = 5
_LOG_UNIT = 64  # of AccountRollups.input_log
_LOGS = ("input_log", "output_log")
_PARTS = ("capped", "cold", "streamed", "with_tools", "first_turns", "with_system")
_TOKENS = {"reasoning_tokens": "output_tokens", "cached_tokens": "input_tokens"}
_SUMS = ("requests", "with_topic", *_PARTS, *_TOKENS, *_TOKENS.values(), *_LOGS, *(f"{log}_squared" for log in _LOGS))
Ranks = npt.NDArray[np.float32]


def profile(rollups: pl.LazyFrame) -> pl.LazyFrame:
    """Add up what `rank_manners` reads, of each account of `AccountRollups`."""
    return rollups.group_by("account_id").agg(pl.col(_SUMS).sum())


def find_candidates(rollups: pl.LazyFrame) -> pl.DataFrame:
    """The sums of `profile` of the first `MOST` accounts with enough topics, by the public hash of their ids."""
    enough = profile(rollups).filter(pl.col("with_topic") >= LEAST_TOPICS)
    return _first(enough).collect(engine="streaming")


def draw_landmarks(candidates: pl.DataFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Draw the landmarks.

    Args:
        candidates: of one lake, or those of several together.
        accounts: `AccountRows` of all accounts registered by then.
        as_of: the time.

    Returns:
        `account_id`, `is_reference` (old enough to say what is usual) and the sums of `profile`, sorted.
    """
    drawn = _first(candidates.lazy()).sort("account_id").collect()
    is_old = (pl.col("created_at") <= pl.lit(as_of) - _AGE).fill_null(False)
    created = accounts.select("account_id", "created_at")
    aged = drawn.join(created, on="account_id", how="left", maintain_order="left")
    has_old = aged.select(is_old.sum()).item() >= LEAST_OLD
    return aged.select("account_id", (is_old if has_old else pl.lit(True)).alias("is_reference"), *_SUMS)


def _first(profiles: pl.LazyFrame) -> pl.LazyFrame:
    hashed = pl.col("account_id").nchash.xxhash64(seed=_SEED)  # type: ignore[attr-defined]
    return profiles.sort(hashed, "account_id").head(MOST)


def landmark_keys(keys: pl.LazyFrame, landmarks: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `kind`, `key`, `requests` of the landmarks' keys of `KINDS`, added over the hours."""
    theirs = keys.filter(
        pl.col("kind").is_in([KEY_KINDS.index(kind) for kind in KINDS])
        & pl.col("account_id").is_in(landmarks["account_id"].implode())
    )
    return theirs.group_by("account_id", "kind", "key").agg(pl.col("requests").sum()).collect(engine="streaming")


def rank_manners(profiles: pl.DataFrame, landmarks: pl.DataFrame) -> Ranks:
    """Rank how accounts send among the landmarks: whole numbers from 0 to 100, (n, d).

    Whole numbers, so that a sum of their products is exact in every order and for every number of rows.
    """
    own, reference = _manners(profiles), _manners(landmarks)
    ranks = np.empty(own.shape, np.float32)
    for column in range(own.shape[1]):
        ordered = np.sort(reference[:, column])
        twice = sum(np.searchsorted(ordered, own[:, column], side) for side in ("left", "right"))
        ranks[:, column] = (50 * twice) // max(len(ordered), 1)
    return ranks


def _manners(profiles: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Lengths and settings of an account's requests, (n, d); 0 where nothing is known."""
    requests = pl.col("requests")
    columns: list[pl.Expr] = []
    for log in _LOGS:
        columns += mean_and_spread(pl.col(log), pl.col(f"{log}_squared"), requests, _LOG_UNIT)
    columns += [share(pl.col(part), requests) for part in _PARTS]
    columns += [share(pl.col(part), pl.col(whole)) for part, whole in _TOKENS.items()]
    named = [column.fill_null(0).cast(pl.Float64).alias(str(i)) for i, column in enumerate(columns)]
    return profiles.select(named).to_numpy()
