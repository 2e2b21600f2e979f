"""Mixture: do requests of one hour resemble each other more than those of the whole account do?

Where two kinds of traffic share an account, a campaign's and its cover or the owner's and a thief's, they seldom share
every hour. Read is the correlation of two requests of the same hour, from pairs (Fleiss 1981): it needs no hour to be
large, and its mean does not depend on how many requests there are.
"""

import polars as pl

from features.exact import share
from features.history import History

_SHARES = {  # column: of which requests
    "first_turns": "requests",
    "with_tools": "requests",
    "streamed": "requests",
    "with_system": "requests",
    "schema": "with_text",
    "code": "with_text",
    "generate": "with_text",
}
_LENGTHS = ("input", "output")
_FLOOR = 64**2 // 16  # variance of a quarter octave, in squared 1/64: lengths that hardly vary are one kind


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account with two requests in one hour."""
    return history.hours.group_by("account_id").agg(
        *[_of_share(pl.col(part), pl.col(whole)).alias(f"{part}_mixture_28d") for part, whole in _SHARES.items()],
        *[_of_length(name).alias(f"{name}_mixture_28d") for name in _LENGTHS],
    )


def _of_share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Correlation within hours of what a request has or has not; 0 where all have it or none."""
    has, of = part.sum(), whole.sum()
    within = share((part * (part - 1)).sum(), (whole * (whole - 1)).sum())
    overall = share(has * (has - 1), of * (of - 1))
    mean = (has + 1) / (of + 2)
    return (within - overall) / (mean * (1 - mean))


def _of_length(name: str) -> pl.Expr:
    """Correlation within hours of log lengths."""
    total, squares, count = pl.col(f"{name}_log"), pl.col(f"{name}_log_squared"), pl.col("requests")
    pairs = share((total * total - squares).sum(), (count * (count - 1)).sum())
    all_pairs = total.sum() * total.sum() - squares.sum()
    overall = share(all_pairs, count.sum() * (count.sum() - 1))
    variance = share(squares.sum(), count.sum()) - overall
    return (pairs - overall) / pl.max_horizontal(variance, _FLOOR)
