"""Folds of the training side."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from training.examples.folds import folds


@settings(max_examples=25, deadline=None)
@given(campaigns=st.integers(0, 7), singles=st.integers(2, 6), seed=st.integers(0, 2**32))
def test_folds_keep_campaigns_and_accounts_together(world, campaigns: int, singles: int, seed: int) -> None:
    examples = world(honest=50, campaigns=campaigns, size=3, singles=singles, snapshots=2)
    fold = examples.with_columns(fold=folds(examples, seed))
    assert fold.group_by("account_id").agg(pl.col("fold").n_unique())["fold"].max() == 1
    if campaigns >= 2:
        named = fold.filter(pl.col("campaign").is_not_null())
        assert named.group_by("campaign").agg(pl.col("fold").n_unique())["fold"].max() == 1
    assert 2 <= fold["fold"].n_unique() <= 4
    assert fold.group_by("fold").agg(pl.col("label").any())["label"].all()


def test_folds_spread_the_other_accounts_evenly(world) -> None:
    examples = world(honest=400, snapshots=1)
    counts = np.bincount(folds(examples, 3)[examples["label"].is_null().to_numpy()])
    assert counts.max() - counts.min() <= 2
