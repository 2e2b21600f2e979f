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


def fixed_sum(value: pl.Expr, times: pl.Expr | int = 1) -> pl.Expr:
    """Sum of numbers, each rounded to a millionth, so many times."""
    return (times * (value * _UNIT).round().cast(pl.Int64)).sum() / _UNIT


def agreement(counts: pl.Expr, keys: pl.Expr | int = 1) -> pl.Expr:
    """Share of the pairs of requests that show the same key; null for fewer than two.

    Its mean does not depend on how many requests are drawn (Simpson 1949), unlike that of an entropy.

    Args:
        counts: requests that show a key.
        keys: how many keys have that count.
    """
    total = (keys * counts).sum()
    return share((keys * counts * (counts - 1)).sum(), total * (total - 1))


def chance_to_be_drawn(count: pl.Expr, total: pl.Expr, draws: int) -> pl.Expr:
    """Return the probability that a random draw of requests shows a key; null for fewer requests than draws.

    The sum over keys is the expected number of different keys (Hurlbert 1971), which does not grow with the requests.

    Args:
        count: requests that show the key.
        total: all requests of the account.
        draws: how many of them are drawn.
    """
    absent = pl.lit(1.0)
    for taken in range(draws):
        absent *= (total - count - taken).clip(lower_bound=0) / (total - taken)
    return pl.when(total >= draws).then(1 - absent)


def shrink(part: pl.Expr, whole: pl.Expr, mean: pl.Expr, weight: int) -> pl.Expr:
    """Return part over whole, after adding `weight` requests at the mean: few requests say little."""
    return (part + weight * mean) / (whole + weight)


def entropy(counts: pl.Expr, keys: pl.Expr | int = 1) -> pl.Expr:
    """Shannon entropy of counts, of which each is that of so many keys, in bits."""
    total = (keys * counts).sum()
    rounded = (counts * counts.log(2) * _UNIT).round().cast(pl.Int64)
    return (total.log(2) - (keys * rounded).sum() / _UNIT / total).clip(lower_bound=0)


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Part over whole; null where there is no whole."""
    return pl.when(whole > 0).then(part / whole)


def mean_and_spread(total: pl.Expr, squares: pl.Expr, count: pl.Expr, unit: float = 1.0) -> tuple[pl.Expr, pl.Expr]:
    """Mean and standard deviation from integer power sums of values in 1/unit; null for no values."""
    mean = share(total, count)
    variance = share(squares, count) - mean * mean
    return mean / unit, variance.clip(lower_bound=0).sqrt() / unit
