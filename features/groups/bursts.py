"""Sign-up bursts: hours in which far more customers register than in the weeks around them.

Campaigns open their accounts in a few sittings. A burst alone proves nothing (a class, a launch, a mention in the
news), so it only supports what accounts show otherwise. (Synchronised registration: SynchroTrap, Cao et al. 2014.)
"""

from datetime import datetime, timedelta

import polars as pl
from scipy.special import pdtrc

HOURS = 6
_AROUND = 7 * 24 // HOURS  # windows on either side that say how many are usual
_FEWEST = 3  # customers
_CHANCE = 1e-3  # of so many or more, if they came as evenly as around


def mark_bursts(accounts: pl.DataFrame, as_of: datetime, recent: timedelta) -> pl.DataFrame:
    """Adds `signup_time`, the number of a window of `HOURS` hours, and `burst`: did far more register in it than usual.

    Args:
        accounts: `customer`, `created_at` (UTC or null), as known at `as_of`.
        as_of: time of the question; windows that lie later are no part of what is usual.
        recent: how long before `as_of` bursts are looked for; who registered earlier came in none.
    """
    window = pl.col("created_at").dt.epoch("s") // (HOURS * 3600)
    late = pl.col("created_at") > as_of - recent - _AROUND * timedelta(hours=HOURS)
    customers = accounts.filter(late).group_by(signup_time=window).agg(own=pl.col("customer").n_unique())
    numbered = accounts.with_columns(signup_time=window)
    joined = numbered.join(_beyond_usual(customers), on="signup_time", how="left", maintain_order="left")
    is_recent = pl.col("created_at") > as_of - recent
    return joined.with_columns((pl.col("burst") & is_recent).fill_null(False))


def _beyond_usual(customers: pl.DataFrame) -> pl.DataFrame:
    """`signup_time`, `burst`, of every window from the first to the last."""
    ends = customers.select(first=pl.col("signup_time").min(), last=pl.col("signup_time").max() + 1).fill_null(0)
    every = ends.select(signup_time=pl.int_ranges("first", "last").explode()).drop_nulls()
    filled = every.join(customers, on="signup_time", how="left", maintain_order="left").select(
        "signup_time", own=pl.col("own").fill_null(0).cast(pl.Int64), windows=pl.lit(1)
    )
    near = {name: pl.col(name).rolling_sum(2 * _AROUND + 1, min_samples=1, center=True) for name in ("own", "windows")}
    usual = filled.select(usual=(near["own"] - pl.col("own") + 1) / (near["windows"] - 1).clip(lower_bound=1))
    chance = pdtrc(filled["own"].to_numpy() - 1, usual["usual"].to_numpy())
    return filled.select("signup_time", burst=(pl.Series(chance) < _CHANCE) & (pl.col("own") >= _FEWEST))
