"""Rhythm: when an account asks. A machine does not sleep, and paces itself evenly."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from features.families.fixed_point import entropy, mean_and_spread, share
from features.families.history import History, step_within_account
from features.lake import full_hour

_WEEK = timedelta(days=7)
_WEEK_HOURS = 168
_NIGHT_HOURS = 8
_GAP_UNIT = 64  # log gaps are summed in 1/64 octave
_SESSION_MINUTES = 360
_SATURDAY = 6
_ALONE = 10  # minutes without a request on either side of a probe
_PROBES = 4  # fewer lone minutes have no interval


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    between = history.minutes
    tables = [
        _week(history),
        _days(history),
        _hours_of_day(history),
        _hours_of_week(history),
        _gaps(between),
        _probes(between),
        _slots(history),
    ]
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, on="account_id", how="full", coalesce=True)
    return joined


def _week(history: History) -> pl.DataFrame:
    """Active hours and the longest idle run of the last seven days, edges included."""
    begin = full_hour(history.as_of) - _WEEK
    since_begin = ((pl.col("hour") - begin).dt.total_hours()).alias("at")
    recent = history.hours.filter(history.within(_WEEK)).select("account_id", since_begin)
    before = pl.col("at").shift(1, fill_value=-1)
    return recent.group_by("account_id", maintain_order=True).agg(
        active_hours_7d=pl.len().clip(upper_bound=_WEEK_HOURS) / _WEEK_HOURS,
        longest_idle_7d=pl.max_horizontal((pl.col("at") - before - 1).max(), _WEEK_HOURS - pl.col("at").last()),
    )


def _days(history: History) -> pl.DataFrame:
    """How the active days' volumes compare."""
    day = pl.col("hour").dt.date().alias("day")
    daily = history.hours.group_by("account_id", day).agg(pl.col("requests").sum()).sort("account_id", "day")
    requests, peak = pl.col("requests"), pl.col("requests").max()
    mean, spread = mean_and_spread(requests.sum(), (requests**2).sum(), pl.len())
    weekend = pl.col("day").dt.weekday() >= _SATURDAY
    first_half_peak = pl.col("day").filter(requests * 2 >= peak).first()
    return daily.group_by("account_id", maintain_order=True).agg(
        active_days_28d=pl.len(),
        daily_variation_28d=share(spread, mean),
        peak_day_share_28d=share(peak, requests.sum()),
        days_to_half_peak_28d=(first_half_peak - pl.col("day").first()).dt.total_days(),
        weekend_share_28d=share(requests.filter(weekend).sum(), requests.sum()),
    )


def _hours_of_day(history: History) -> pl.DataFrame:
    """How the requests spread over the hours of the day (UTC; the quietest eight hours are the account's own)."""
    hourly = history.hours.group_by("account_id", pl.col("hour").dt.hour().alias("at")).agg(pl.col("requests").sum())
    entropies = hourly.group_by("account_id").agg(hour_entropy_28d=entropy(pl.col("requests")))
    index = hourly.select("account_id").unique(maintain_order=True).with_row_index("i")
    placed = hourly.join(index, on="account_id").select(pl.col("i") * 24 + pl.col("at").cast(pl.UInt32), "requests")
    counts = np.bincount(placed["i"], weights=placed["requests"], minlength=24 * len(index)).reshape(-1, 24)
    quiet = pl.Series("night_share_28d", _quietest(counts))
    return entropies.join(index.select("account_id", quiet), on="account_id")


def _hours_of_week(history: History) -> pl.DataFrame:
    """How the requests spread over the hours of the week (UTC), and whether the last week is like those before it.

    The likeness is the cosine of both counts: 1 for the same timetable, whatever the volume.
    """
    requests, late = pl.col("requests"), history.within(_WEEK)
    at = (pl.col("hour").dt.weekday().alias("day"), pl.col("hour").dt.hour().alias("at"))
    of_week = history.hours.group_by("account_id", *at).agg(
        requests.sum(), late=requests.filter(late).sum(), before=requests.filter(~late).sum()
    )
    late_count, before = pl.col("late"), pl.col("before")
    lengths = (late_count**2).sum().sqrt() * (before**2).sum().sqrt()
    return of_week.group_by("account_id").agg(
        week_entropy_28d=entropy(requests),
        week_likeness_28d=share((late_count * before).sum(), lengths).clip(upper_bound=1),
    )


def _quietest(counts: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Share of each row in its smallest circular run of eight columns, shape (n, 24) to (n,)."""
    sums = np.cumsum(np.hstack([np.zeros((len(counts), 1)), counts, counts[:, :_NIGHT_HOURS]]), axis=1)
    runs = sums[:, _NIGHT_HOURS:] - sums[:, :-_NIGHT_HOURS]
    return np.asarray(runs.min(axis=1) / counts.sum(axis=1)) if len(counts) else np.zeros(0)


def _gaps(minutes: pl.DataFrame) -> pl.DataFrame:
    """Gaps between successive minutes with a request, in minutes."""
    between = minutes.drop_nulls()
    commonest = (
        between.filter(pl.col("gap") > 1)
        .group_by("account_id", "gap")
        .len()
        .group_by("account_id")
        .agg(pl.col("len").max())
    )
    log_gap = (pl.col("gap").log(2) * _GAP_UNIT).round().cast(pl.Int64)
    _, spread = mean_and_spread(log_gap.sum(), (log_gap**2).sum(), pl.len(), _GAP_UNIT)
    short = pl.col("gap").filter(pl.col("gap") < _SESSION_MINUTES)
    mean, deviation = mean_and_spread(short.sum(), (short**2).sum(), short.len())
    return (
        between.group_by("account_id")
        .agg(
            gap_median_28d=pl.col("gap").median().log(2),
            gap_spread_28d=spread,
            gap_variation_28d=share(deviation, mean),
            adjacent_share_28d=share((pl.col("gap") == 1).sum(), pl.len()),
            long=(pl.col("gap") > 1).sum(),
        )
        .join(commonest, on="account_id", how="left")
        .with_columns(top_gap_share_28d=share(pl.col("len"), pl.col("long")))
        .drop("len", "long")
    )


def _probes(minutes: pl.DataFrame) -> pl.DataFrame:
    """Share of the intervals between lone minutes that are the commonest one, to a minute.

    The same question asked every so often shows so, however much else the account asks in between.
    """
    after = pl.col("gap").shift(-1)  # null before the first of the next account too
    lone = minutes.filter((pl.col("gap") > _ALONE).fill_null(True) & (after > _ALONE).fill_null(True))
    between = lone.select("account_id", interval=step_within_account("minute")).drop_nulls()
    counts = between.group_by("account_id", "interval").len()
    near = pl.concat([counts.with_columns(pl.col("interval") + shift) for shift in (-1, 0, 1)])
    commonest = near.group_by("account_id", "interval").agg(pl.col("len").sum()).group_by("account_id").agg(
        pl.col("len").max()
    )  # fmt: skip
    return (
        between.group_by("account_id")
        .agg(intervals=pl.len())
        .filter(pl.col("intervals") >= _PROBES - 1)
        .join(commonest, on="account_id")
        .select("account_id", probe_interval_28d=share(pl.col("len"), pl.col("intervals")))
    )


def _slots(history: History) -> pl.DataFrame:
    """Fano factor of the five-minute counts of active hours (1 for a Poisson process)."""
    counts = history.hours.select("account_id", pl.col("slots"), squares=pl.col("slots").list.eval(pl.element() ** 2))
    mean, spread = mean_and_spread(pl.col("total").sum(), pl.col("squares").sum(), pl.col("slots").sum())
    return (
        counts.with_columns(
            pl.col("slots").list.len(), total=pl.col("slots").list.sum(), squares=pl.col("squares").list.sum()
        )
        .group_by("account_id")
        .agg(burstiness_28d=share(spread * spread, mean))
    )
