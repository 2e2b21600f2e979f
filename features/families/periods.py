"""Periods: how alike an account's hours are to those a fixed number of hours before.

The products of hourly counts are whole numbers. An FFT gives them with an error far below one half, so rounding makes
them exact, whichever accounts are transformed together; the rest is arithmetic on each account's own numbers.
"""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from features.families.history import History
from features.lake import HISTORY, full_hour

_HOURS = HISTORY // timedelta(hours=1)
_DAY, _WEEK = 24, 168
_LENGTH = 1024  # of the transform: more than _HOURS + _WEEK, so that the end does not meet the begin
_MOST = 1 << 16  # requests an hour that are told apart: keeps the error of the products below a hundredth
_BLOCK = 2048  # accounts transformed at once: bounds memory to some 50 MB
_TIMES = 2  # a period is known when it could be seen as often

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account with a request in the 28 days of full hours."""
    end = full_hour(history.as_of)
    at = (pl.col("hour") - (end - HISTORY)).dt.total_hours()
    hours = history.hours.filter(pl.col("hour") < end).select("account_id", "requests", at=at)
    index = hours.select("account_id").unique(maintain_order=True).with_row_index("row")
    placed = hours.join(index, on="account_id", maintain_order="left")
    blocks = [index.select("account_id").clear().with_columns(_features(np.zeros((0, _HOURS), np.int64)))]
    for begin in range(0, len(index), _BLOCK):
        block = placed.filter(pl.col("row").is_between(begin, begin + _BLOCK, closed="left"))
        counts = np.zeros((min(_BLOCK, len(index) - begin), _HOURS), np.int64)
        counts[block["row"].to_numpy() - begin, block["at"].to_numpy()] = block["requests"].clip(upper_bound=_MOST)
        blocks.append(index.select("account_id")[begin : begin + _BLOCK].with_columns(_features(counts)))
    return pl.concat(blocks)


def _features(counts: Integers) -> list[pl.Series]:
    """The features of hourly counts, shape (n, hours), NaN where unknown: n values each."""
    correlated = correlations(counts)
    strength, lag = _peak(correlated[:, : _DAY + 1])
    columns = {
        "period_strength_28d": strength,
        "period_hours_28d": lag,
        "day_correlation_28d": correlated[:, _DAY],
        "week_correlation_28d": correlated[:, _WEEK],
    }
    return [pl.Series(name, values, nan_to_null=True) for name, values in columns.items()]


def correlations(counts: Integers) -> Floats:
    """Autocorrelation of each row from its first request on, at lags 0 to 168.

    Args:
        counts: requests of each hour, shape (n, hours), at most 65,536.

    Returns:
        Shape (n, 169): the mean product of deviations at each lag over the variance, cut to [-1, 1] (Box and Jenkins
        1976, with the mean over the hours that have a partner). NaN where twice the lag does not fit into the hours
        since the first request, or where all hours are the same.
    """
    lags = np.arange(_WEEK + 1)
    hours = counts.shape[1] - np.argmax(counts > 0, axis=1)[:, None]
    upto = np.hstack([np.zeros((len(counts), 1), np.int64), counts.cumsum(axis=1)])
    total = upto[:, -1:]
    early = upto[:, ::-1][:, lags]  # without the last hours
    first = np.minimum(counts.shape[1] - hours + lags, counts.shape[1])
    late = total - np.take_along_axis(upto, first, axis=1)  # without the first hours
    pairs = np.maximum(hours - lags, 1)
    mean = total / hours
    covariance = (_products(counts) - mean * (early + late)) / pairs + mean * mean
    variance = covariance[:, :1]
    is_defined = (lags * _TIMES <= hours) & (variance > 0)
    return np.where(is_defined, np.clip(covariance / np.where(variance > 0, variance, 1), -1, 1), np.nan)


def _products(counts: Integers) -> Floats:
    """Sums of products of counts so many hours apart, shape (n, 169): whole numbers, exactly."""
    spectrum = np.fft.rfft(counts, _LENGTH, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.rint(np.fft.irfft(power, _LENGTH, axis=1)[:, : _WEEK + 1]))


def _peak(correlated: Floats) -> tuple[Floats, Floats]:
    """The highest correlation above those of both neighbours, and its lag; 0 and NaN where no lag stands out."""
    here = correlated[:, 2:-1]
    stands_out = (here > correlated[:, 1:-2]) & (here >= correlated[:, 3:])
    peaks = np.where(stands_out, np.maximum(here, 0), 0)
    strength = peaks.max(axis=1, initial=0)
    lag = np.where(strength > 0, peaks.argmax(axis=1) + 2.0, np.nan)
    unknown = np.isnan(correlated[:, -1])
    return np.where(unknown, np.nan, strength), np.where(unknown, np.nan, lag)
