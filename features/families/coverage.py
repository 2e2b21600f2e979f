"""Coverage: how many different things an account asks for, and whether it goes on to new ones.

Counts of different keys grow with the requests, so they are rarefied: how many to expect among ten requests.
"""

import polars as pl

from features.families.fixed_point import agreement, chance_to_be_drawn, fixed_sum
from features.families.history import History
from features.schemas import KEY_KINDS

_DRAWS = 10
_COUNTED = {
    "prefix": "prefixes",
    "skeleton": "frames",
    "cell": "cells",
    "language": "languages",
    "max_tokens": "limits",
}
_GROWING = ("exact", "cell", "skeleton")
_BEHIND = {"fills": ("prefix", "exact"), "frame_fills": ("skeleton", "exact")}
_FLOOR = 0.001  # pairs that agree: fewer can't be told from none


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    requests = pl.col("requests")
    counts, keys = history.counts_of_kind(*_COUNTED, "exact"), pl.col("keys")
    total = counts.group_by("account_id", "kind").agg(total=(keys * requests).sum())
    chance = chance_to_be_drawn(requests, pl.col("total"), _DRAWS)
    with_chance = counts.join(total, on=["account_id", "kind"]).with_columns(chance=chance)
    enough = pl.col("total").first() >= _DRAWS
    counted = with_chance.group_by("account_id", "kind").agg(
        kinds=pl.when(enough).then(fixed_sum(pl.col("chance"), keys)), agree=agreement(requests, keys)
    )
    columns = [_of(kind, "kinds").alias(f"{name}_in_ten_28d") for kind, name in _COUNTED.items()]
    for name, (frame, fill) in _BEHIND.items():
        ratio = (_of(frame, "agree") + _FLOOR) / (_of(fill, "agree") + _FLOOR)
        columns.append(ratio.log(2).alias(f"{name}_28d"))
    features = counted.group_by("account_id").agg(columns)
    return features.join(_growth(history), on="account_id", how="left")


def _of(kind: str, column: str) -> pl.Expr:
    return pl.col(column).filter(pl.col("kind") == KEY_KINDS.index(kind)).first()


def _growth(history: History) -> pl.DataFrame:
    """New keys per request in the later half of the requests over those in the earlier half."""
    so_far = pl.col("requests").cum_sum().over("account_id")
    total = pl.col("requests").sum().over("account_id")
    half = history.hours.select("account_id", "hour", "requests", so_far=so_far, total=total)
    midpoints = (
        half.filter(pl.col("so_far") * 2 >= pl.col("total"))
        .group_by("account_id", maintain_order=True)
        .agg(pl.col("hour", "so_far", "total").first())
    )
    keys = history.of_kind(*_GROWING).join(midpoints, on="account_id")
    late = pl.col("first") > pl.col("hour")
    asked_late = (pl.col("total") - pl.col("so_far")).first()
    rate_late = (late.sum() + 1) / (asked_late + 2)
    rate_early = ((~late).sum() + 1) / (pl.col("so_far").first() + 2)
    grown = keys.group_by("account_id", "kind").agg(
        growth=pl.when(asked_late > 0).then((rate_late / rate_early).log(2))
    )
    return grown.group_by("account_id").agg(_of(kind, "growth").alias(f"{kind}_growth_28d") for kind in _GROWING)
