"""What groups add to the examples: their members' standing by a plain model that knows nobody of the test set.

The model that is being trained can't tell it yet, and the champion of before must not, or the same inputs would not
give the same model. So a logistic regression scores every account, those that it learns from out of fold.
"""

import numpy as np
import polars as pl

from features.groups.evidence import GROUP_SCHEMA
from training.examples.dataset import LIFT, are_flagged, lift_by_standing, matrix
from training.fitting.plan import Plan
from training.fitting.suspects import STRENGTH, distrust, score_out_of_fold
from training.fitting.training_sets import training_rows
from training.models.logistic_regression import LogisticRegression
from training.models.standing import fit_standing


def with_lifts(
    examples: pl.DataFrame, teachers: pl.Series, features: tuple[str, ...], plan: Plan, seed: int
) -> pl.DataFrame:
    """Put the column `training.examples.dataset.LIFT` in the place of `features.groups.evidence.GROUP_SCHEMA`.

    Args:
        examples: see `training.examples.dataset`.
        teachers: the accounts whose labels may be used.
        features: the columns that the plain model learns from.
        plan: weights of the examples.
        seed: of the folds.
    """
    is_teacher = examples["account_id"].is_in(teachers.implode())
    taught = examples.filter(is_teacher)
    rows = distrust(training_rows(taught, features, plan, seed), are_flagged(taught))
    scores = np.zeros(examples.height)
    if rows.label.any():
        scores[is_teacher.to_numpy()] = score_out_of_fold(rows, seed)
    if rows.label.any() and not is_teacher.all():
        others = matrix(examples.filter(~is_teacher), features)
        scores[~is_teacher.to_numpy()] = LogisticRegression(strength=STRENGTH).fit(rows, seed).raw(others)
    is_latest = examples.select(pl.col("as_of") == pl.col("as_of").max()).to_series().to_numpy()
    lifts = lift_by_standing(examples, fit_standing(scores[is_latest]).shares(scores))
    return examples.with_columns(pl.Series(LIFT, lifts)).drop(GROUP_SCHEMA.names())
