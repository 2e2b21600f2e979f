"""Sessions: how an account comes and goes, and how it comes back."""

from datetime import timedelta

import polars as pl

from features.families.fixed_point import share
from features.families.history import History
from features.lake import HISTORY, full_hour
from features.schemas import SLOTS

_APART = 30  # minutes without a request that end a session
_DAY = timedelta(days=1)
_LOG_UNIT = 64
_NEAR = 0.8  # of the busiest day
_CLOSE = 9  # tenths of the busiest hour


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    tables = [_hours(history), _ramp(history), _returns(history), _sessions(history)]
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, on="account_id", how="left")
    return joined


def _sessions(history: History) -> pl.DataFrame:
    """Runs of minutes with requests that are less than half an hour apart."""
    between = history.minutes
    begins = (pl.col("gap") >= _APART).fill_null(True)
    runs = (
        between.with_columns(run=begins.cum_sum())  # no run reaches into the next account, whose first gap is null
        .group_by("run")
        .agg(pl.col("account_id").first(), minutes=pl.col("gap").filter(~begins).sum())
    )
    log_minutes = ((pl.col("minutes") + 1).log(2) * _LOG_UNIT).round().cast(pl.Int64)
    asked = history.hours.group_by("account_id").agg(pl.col("requests").sum(), days=pl.col("hour").dt.date().n_unique())
    return (
        runs.group_by("account_id")
        .agg(
            sessions=pl.len(),
            session_minutes_28d=log_minutes.sum() / pl.len() / _LOG_UNIT,
            longest_session_28d=(pl.col("minutes").max() + 1).log(2),
            brief_sessions_28d=share((pl.col("minutes") == 0).sum(), pl.len()),
        )
        .join(asked, on="account_id")
        .with_columns(
            sessions_per_day_28d=share(pl.col("sessions"), pl.col("days")),
            session_requests_28d=(pl.col("requests") / pl.col("sessions")).log(2),
        )
        .drop("sessions", "requests", "days")
    )


def _hours(history: History) -> pl.DataFrame:
    """Where in the hour requests fall, how many hours are as busy as it gets, and how these are answered."""
    slots = [pl.col("slots").list.get(i).sum().alias(f"slot_{i}") for i in range(SLOTS)]
    requests = pl.col("requests")
    busy = requests * 2 >= requests.max()
    sums = history.hours.group_by("account_id").agg(
        *slots,
        requests.sum(),
        busy=requests.filter(busy).sum(),
        throttled=pl.col("throttled").filter(busy).sum(),
        near_peak_hours_28d=(requests * 10 >= requests.max() * _CLOSE).mean(),
    )
    pairs = pl.sum_horizontal(pl.col(f"slot_{i}") * (pl.col(f"slot_{i}") - 1) for i in range(SLOTS))
    return sums.select(
        "account_id",
        "near_peak_hours_28d",
        clock_focus_28d=share(pairs * SLOTS, requests * (requests - 1)),
        throttled_at_peak_28d=share(pl.col("throttled"), pl.col("busy")),
    )


def _ramp(history: History) -> pl.DataFrame:
    """How soon a new account is at its most, and how evenly it stays there; null for the first of older ones."""
    begin = full_hour(history.as_of) - HISTORY
    new = history.seen.select("account_id", pl.when(pl.col("first_seen") >= begin).then("first_seen").alias("first"))
    hours = history.hours.select("account_id", "hour", "requests", "throttled").join(new, on="account_id")
    requests, since = pl.col("requests"), pl.col("hour") - pl.col("first")
    first_day = share(requests.filter(since < _DAY).sum(), requests.sum())
    half = since.filter(requests * 2 >= requests.max()).min().dt.total_hours()
    ramp = hours.group_by("account_id").agg(
        first_day_share_28d=pl.when(pl.col("first").first().is_not_null()).then(first_day),
        hours_to_half_peak_28d=(half + 1).log(2),
    )
    daily = hours.group_by("account_id", pl.col("hour").dt.date()).agg(requests.sum(), pl.col("throttled").sum())
    near = requests >= _NEAR * requests.max()
    days = daily.group_by("account_id").agg(
        near_peak_days_28d=near.mean(), below_limit_days_28d=(near & (pl.col("throttled") == 0)).mean()
    )
    return ramp.join(days, on="account_id")


def _returns(history: History) -> pl.DataFrame:
    """Requests in hours that were active the day before too, of those a day or more after the first."""
    hours = history.hours.select("account_id", "hour", "requests")
    before = hours.select("account_id", pl.col("hour") + _DAY, again=pl.lit(True))
    later = pl.col("hour") >= pl.col("hour").min().over("account_id") + _DAY
    followed = hours.filter(later).join(before, on=["account_id", "hour"], how="left")
    requests = pl.col("requests")
    return followed.group_by("account_id").agg(
        same_hour_share_28d=share(requests.filter(pl.col("again").is_not_null()).sum(), requests.sum())
    )
