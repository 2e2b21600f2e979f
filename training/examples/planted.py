"""Planted campaigns: our model learns from them; nothing is calibrated or judged on them.

Their accounts are examples like any others (`training.examples.dataset`): true, of campaigns whose names begin with
`MARK`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.dataset import DETECTOR_COLUMNS, FLAGGED, LIFT, weights

MARK = "planted:"


def add_planted(examples: pl.DataFrame, planted: pl.DataFrame | None) -> pl.DataFrame:
    """Put real and planted examples into one table, sorted by account and time.

    Raises:
        InputError: a planted account has the id of a real one, or a planted row does not bear the mark.
    """
    if planted is None or not len(planted):
        return examples.sort("account_id", "as_of")
    if not is_planted(planted).all():
        raise InputError(f"Planted examples must be of campaigns whose names begin with {MARK!r}: plant them again.")
    if examples["account_id"].is_in(planted["account_id"].implode()).any():
        raise InputError("A planted account has the id of a real one: choose another seed for planting.")
    optional = (*DETECTOR_COLUMNS, LIFT, FLAGGED)
    missing = [name for name in optional if name in examples.columns and name not in planted.columns]
    completed = planted.with_columns(pl.lit(None, examples.schema[name]).alias(name) for name in missing)
    return pl.concat([examples, completed.select(examples.columns)]).sort("account_id", "as_of")


def is_planted(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows were planted, (n,)."""
    return examples["campaign"].str.starts_with(MARK).fill_null(False).to_numpy().astype(np.bool_)


def weigh_with_planted(
    examples: pl.DataFrame, unlabelled_weight: float, campaign_power: float, planted_weight: float
) -> NDArray[np.float64]:
    """Weigh real and planted examples apart, each as `training.examples.dataset.weights` does, (n,).

    A planted account weighs `planted_weight` times as much as a confirmed one.
    """
    planted = is_planted(examples)
    weight = np.zeros(planted.size)
    for side, factor in ((planted, planted_weight), (~planted, 1.0)):
        if side.any():
            weight[side] = factor * weights(examples.filter(pl.Series(side)), unlabelled_weight, campaign_power)
    return weight
