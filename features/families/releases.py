"""Releases: how soon, and with how much of its traffic, an account moves to a model that was just released, or leaves
the one that it was refused.

A move is null without a release within 28 days that a day has passed since, and for accounts without a request after
it.
"""

from datetime import datetime, timedelta

import polars as pl

from features.families.fixed_point import share
from features.families.history import History
from features.families.key_counts import PIVOTS, count_adoption, find_latest_release
from features.lake import Lake, full_hour

_COMPARED = {f"pivot_{label}": f"pivot_{label}_on_plan_28d" for label in PIVOTS}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account, and `pivot_1d`, `pivot_3d`, which `compare_with_plan` compares."""
    moved = _count_moves(history.hours.lazy(), history.adopted.lazy(), history.release, history.as_of).collect()
    return moved.join(_left(history), on="account_id", how="full", coalesce=True)


def read_moves(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Read what `compare_with_plan` compares, for every account of a lake."""
    release = find_latest_release(lake, as_of)
    if release.is_empty():  # nobody moves
        return pl.DataFrame(schema={"account_id": pl.String, **dict.fromkeys(_COMPARED, pl.Float64)})
    adopted = count_adoption(lake.key_rollups(as_of), release)
    moves = _count_moves(lake.account_rollups(as_of), adopted, release, as_of)
    return moves.select("account_id", *_COMPARED).collect(engine="streaming")


def compare_with_plan(features: pl.DataFrame, everyone: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Add the share that moved less the median of its plan's accounts with requests then, which `everyone` holds."""
    plans = accounts.select("account_id", "plan")
    medians = (
        everyone.join(plans, on="account_id").group_by("plan").agg(pl.col(*_COMPARED).median().name.suffix("_median"))
    )
    planned = features.join(plans, on="account_id", how="left").join(medians, on="plan", how="left")
    above = [(pl.col(name) - pl.col(f"{name}_median")).alias(feature) for name, feature in _COMPARED.items()]
    return planned.with_columns(above).drop("plan", *[f"{name}_median" for name in _COMPARED])


def _left(history: History) -> pl.DataFrame:
    """How much less of the traffic the model has that was most used before a block; null without requests on a side."""
    before, after = pl.col("before"), pl.col("after")
    ordered = history.blocked.sort("account_id", "before", "key", descending=[False, True, False])
    return ordered.group_by("account_id", maintain_order=True).agg(
        left_model_after_block_28d=share(before.first(), before.sum()) - share(after.first(), after.sum())
    )


def _count_moves(hours: pl.LazyFrame, adopted: pl.LazyFrame, release: pl.DataFrame, as_of: datetime) -> pl.LazyFrame:
    """Shares on the new model of what each account asked since the release; a pivot is null until its time is over."""
    since = pl.lit(release["since"].max(), release.schema["since"])
    requests, passed = pl.col("requests"), pl.col("hour") - since
    asked = (
        hours.filter(passed >= timedelta())
        .group_by("account_id")
        .agg(
            requests.sum(),
            *[requests.filter(passed < time).sum().alias(f"requests_{label}") for label, time in PIVOTS.items()],
        )
    )
    requests_since = asked.join(adopted, on="account_id", how="left").with_columns(pl.col("^adopted.*$").fill_null(0))
    hour = pl.lit(full_hour(as_of))
    return requests_since.select(
        "account_id",
        *[
            pl.when(hour - since >= time)
            .then(share(pl.col(f"adopted_{label}"), pl.col(f"requests_{label}")))
            .alias(f"pivot_{label}")
            for label, time in PIVOTS.items()
        ],
        newest_share_28d=share(pl.col("adopted"), requests),
        hours_to_newest_28d=((pl.col("first") - since).dt.total_hours() + 1).log(2),
    )
