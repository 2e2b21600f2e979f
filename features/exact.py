"""Arithmetic whose result does not depend on the order of the rows.

Sums of floating-point numbers change in the last bits when rows are split or reordered; then batch, online and repeated
builds would differ. So logarithms are rounded to fixed point before they are summed as integers.
"""

import polars as pl

_UNIT = 1 << 20  # fixed-point steps per bit


def log_sum(value: pl.Expr, times: pl.Expr | None = None) -> pl.Expr:
    """Sum of times * log2(value), in bits."""
    weighted = value.log(2) if times is None else times * value.log(2)
    return (weighted * _UNIT).round().cast(pl.Int64).sum() / _UNIT


def entropy(counts: pl.Expr) -> pl.Expr:
    """Shannon entropy of counts, in bits."""
    return (counts.sum().log(2) - log_sum(counts, counts) / counts.sum()).clip(lower_bound=0)


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Part over whole; null where there is no whole."""
    return pl.when(whole > 0).then(part / whole)


def mean_and_spread(total: pl.Expr, squares: pl.Expr, count: pl.Expr, unit: float = 1.0) -> tuple[pl.Expr, pl.Expr]:
    """Mean and standard deviation from integer power sums of values in 1/unit; null for no values."""
    mean = share(total, count)
    variance = share(squares, count) - mean * mean
    return mean / unit, variance.clip(lower_bound=0).sqrt() / unit
