"""Mixture: whether an account's hours are of one kind or of several.

Who sends two kinds of traffic mostly sends them at different times: then two requests of one hour are more alike than
two of different hours. All measures are means over pairs of requests, so they mean the same for 50 requests as for
5,000 (an intraclass correlation: Fisher 1925). Null where no hour has two requests, or only one hour has any; shares
are null too where nothing differs between hours.
"""

from collections.abc import Mapping

import polars as pl

from features.families.fixed_point import share
from features.families.history import History
from features.schemas import TOPIC_SIZE
from features.text import FLAGS, TOPIC_LENGTH

_TOPICS = tuple(f"topic_{i}" for i in range(TOPIC_SIZE))
# measure: the column that counts requests, and sums with the column of their squares (of 0 or 1 the number itself)
_VARYING: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "asked": ("with_text", {flag: flag for flag in FLAGS}),
    "inputs": ("requests", {"input_log": "input_log_squared"}),
    "outputs": ("requests", {"output_log": "output_log_squared"}),
    "turns": ("requests", {"first_turns": "first_turns"}),
}
_COUNTED = {"topics": "with_topic"} | {name: count for name, (count, _) in _VARYING.items()}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    topics = [pl.col("topic").list.get(i).alias(name) for i, name in enumerate(_TOPICS)]
    # topics are of a length of 64 but for rounding: one request would seem to differ from itself
    within = {f"{name}_within": pl.when(pl.col(_COUNTED[name]) > 1).then(d) for name, d in _differences().items()}
    pairs = {f"{count}_pairs": _pairs(count) for count in set(_COUNTED.values())}
    hours = history.hours.with_columns(topics).with_columns(**within, **pairs)
    # sums over hours are exact, and too large for integers when squared
    whole = hours.group_by("account_id").agg(pl.col(pl.Int64).sum().cast(pl.Float64))
    between = {f"{name}_between": d - pl.col(f"{name}_within") for name, d in _differences().items()}
    others = {f"{count}_others": _pairs(count) - pl.col(f"{count}_pairs") for count in set(_COUNTED.values())}
    means_of_pairs = {
        f"{name}_{part}": share(pl.col(f"{name}_{part}"), pl.col(f"{count}_{of}"))
        for name, count in _COUNTED.items()
        for part, of in (("within", "pairs"), ("between", "others"))
    }
    means_and_sums = whole.with_columns(**between, **others).with_columns(**means_of_pairs)
    shares = {f"{name}_apart_28d": share(_less(name), pl.col(f"{name}_between")) for name in _VARYING}
    return means_and_sums.select("account_id", topics_apart_28d=_less("topics") / TOPIC_LENGTH**2, **shares)


def _differences() -> dict[str, pl.Expr]:
    """For each measure half the sum over all ordered pairs of requests of the squared difference."""
    squares = pl.sum_horizontal(pl.col(name) ** 2 for name in _TOPICS)
    return {"topics": (pl.col("with_topic") * TOPIC_LENGTH) ** 2 - squares} | {
        name: pl.sum_horizontal(pl.col(count) * pl.col(square) - pl.col(part) ** 2 for part, square in sums.items())
        for name, (count, sums) in _VARYING.items()
    }


def _pairs(count: str) -> pl.Expr:
    return pl.col(count) * (pl.col(count) - 1)


def _less(name: str) -> pl.Expr:
    return pl.col(f"{name}_between") - pl.col(f"{name}_within")
