"""Folds of the training side, so that tuning and calibration are judged on campaigns that were held out."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.examples.splits import confirmed_campaign, confirmed_campaigns, hash_fraction


def folds(examples: pl.DataFrame, seed: int, max_folds: int = 4) -> NDArray[np.int64]:
    """The fold of each example, (n,) from 0.

    A campaign is in one fold, and every fold holds campaigns of large and small size. With fewer than two named
    campaigns the true accounts are dealt out singly. There are at most `max_folds` folds, and at most as many as there
    are groups of true accounts.
    """
    campaigns = confirmed_campaigns(examples).height
    none = pl.Series([None] * examples.height, dtype=pl.String)
    campaign = confirmed_campaign(examples) if campaigns >= 2 else none
    rows = examples.select(
        group=pl.when(campaign.is_not_null()).then("c:" + campaign).otherwise("a:" + pl.col("account_id")),
        true=pl.col("label").fill_null(False),
        account_id="account_id",
    )
    sizes = rows.group_by("group", "true").agg(accounts=pl.col("account_id").n_unique())
    order = pl.Series("order", hash_fraction(sizes["group"], seed))
    largest_first = sizes.with_columns(order).sort(["true", "accounts", "order"], descending=[True, True, False])
    count = max(2, min(max_folds, int(sizes["true"].sum())))
    return rows.join(_deal(largest_first, count), on="group", how="left", maintain_order="left")["fold"].to_numpy()


def _deal(groups: pl.DataFrame, count: int) -> pl.DataFrame:
    """Deal sorted groups to folds back and forth (0 1 2 2 1 0 ...), so that the sizes even out."""
    turn = pl.int_range(pl.len(), dtype=pl.Int64)
    step = turn % (2 * count)
    return groups.select("group", fold=pl.when(step < count).then(step).otherwise(2 * count - 1 - step))
