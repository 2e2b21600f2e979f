"""Planted campaigns: among what our model learns from, never among what anything is calibrated or judged on.

Their accounts are examples like any others (`training.examples.dataset`), true, of campaigns whose names begin with
`MARK`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.dataset import DETECTED, IN_CAMPAIGN, weights

MARK = "planted:"


def together(examples: pl.DataFrame, planted: pl.DataFrame | None) -> pl.DataFrame:
    """Both, sorted by account and time.

    Raises:
        InputError: a planted account has the id of another, or a planted row does not bear the mark.
    """
    if planted is None or not len(planted):
        return examples.sort("account_id", "as_of")
    if not is_planted(planted).all():
        raise InputError(f"Planted examples must be of campaigns whose names begin with {MARK!r}: plant them again.")
    if examples["account_id"].is_in(planted["account_id"].implode()).any():
        raise InputError("A planted account has the id of a real one: choose another seed for planting.")
    unknown = [name for name in (*DETECTED, IN_CAMPAIGN) if name in examples.columns and name not in planted.columns]
    whole = planted.with_columns(pl.lit(None, examples.schema[name]).alias(name) for name in unknown)
    return pl.concat([examples, whole.select(examples.columns)]).sort("account_id", "as_of")


def is_planted(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows were planted, (n,)."""
    return examples["campaign"].str.starts_with(MARK).fill_null(False).to_numpy().astype(np.bool_)


def weigh(examples: pl.DataFrame, weak: float, campaign_power: float, each: float) -> NDArray[np.float64]:
    """Weights as `training.examples.dataset.weights`, of the real and of the planted apart.

    A planted account weighs `each` of a confirmed one.
    """
    planted = is_planted(examples)
    found = np.zeros(planted.size)
    for side, factor in ((planted, each), (~planted, 1.0)):
        if side.any():
            found[side] = factor * weights(examples.filter(pl.Series(side)), weak, campaign_power)
    return found
