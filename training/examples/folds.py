"""Folds of the training side: what is tuned and calibrated is judged on campaigns that were held out."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.examples.splits import campaigns, member, place


def folds(examples: pl.DataFrame, seed: int, most: int = 4) -> NDArray[np.int64]:
    """The fold of each example, (n,) from 0: a campaign is in one fold, a fold holds campaigns of large and
    small size.

    With fewer than two named campaigns the true accounts are dealt out singly. The number of folds is at
    most `most` and at most the number of groups.
    """
    named = campaigns(examples)["campaign"].len()
    of = member(examples) if named >= 2 else pl.Series([None] * examples.height, dtype=pl.String)
    group = examples.select(
        group=pl.when(of.is_not_null()).then("c:" + of).otherwise("a:" + pl.col("account_id")),
        true=pl.col("label").fill_null(False),
        account_id="account_id",
    )
    sizes = group.group_by("group", "true").agg(accounts=pl.col("account_id").n_unique())
    order = pl.Series("place", place(sizes["group"], seed))
    dealt = sizes.with_columns(order).sort(["true", "accounts", "place"], descending=[True, True, False])
    count = max(2, min(most, int(sizes["true"].sum())))
    return group.join(_deal(dealt, count), on="group", how="left", maintain_order="left")["fold"].to_numpy()


def _deal(groups: pl.DataFrame, count: int) -> pl.DataFrame:
    """Deal sorted groups to folds back and forth (0 1 2 2 1 0 ...), so that the sizes even out."""
    turn = pl.int_range(pl.len(), dtype=pl.Int64)
    step = turn % (2 * count)
    return groups.select("group", fold=pl.when(step < count).then(step).otherwise(2 * count - 1 - step))
