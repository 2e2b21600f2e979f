"""When an account is read out: now, or, once it has fallen silent, at the end of its last active week.

The windows of features end at the time asked about, so an account that stops would lose its evidence week by week, and
look in the end like any customer who left. It is therefore read out as it stood at the end of the calendar week in
which it was last active. Everyone's weeks end at the same time (Monday, 0:00 UTC): a whole week is read out only once,
whatever is asked about later.
"""

from datetime import datetime, timedelta

import polars as pl

WEEK = timedelta(days=7)


def active_times(seen: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """`account_id`, `active_at`: as_of for accounts active within the last seven days, else the end of their last week.

    Args:
        seen: `account_id` and `last_seen` (full hours) as of that time.
        as_of: the time asked about.
    """
    time = pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
    is_silent = pl.col("last_seen") + timedelta(hours=1) <= time - WEEK
    return seen.select("account_id", active_at=pl.when(is_silent).then(week_end(pl.col("last_seen"))).otherwise(time))


def week_end(hour: pl.Expr) -> pl.Expr:
    """The end of the calendar week that a full hour lies in."""
    return hour.dt.truncate("1w") + WEEK


def earlier_week_ends(seen: pl.DataFrame, as_of: datetime) -> list[datetime]:
    """The ends of all weeks from the first request to the last that lie before as_of, the earliest first."""
    first, last = seen.select(week_end(pl.col("first_seen").min()), week_end(pl.col("last_seen").max())).row(0)
    weeks = 0 if first is None else min(-((first - as_of) // WEEK), (last - first) // WEEK + 1)  # the first rounded up
    return [first + i * WEEK for i in range(weeks)]
