"""Unlabelled accounts that look like confirmed ones and must not serve as negatives.

Accounts without a label are unknown, not honest. A campaign that nobody has confirmed yet is among them, and a model
that treats its accounts as negatives learns to miss the campaign. Hence two steps (reliable negatives, Liu et al.
2003): a plain linear model, which cannot memorise single accounts, scores every account out of fold; unlabelled ones
that score like confirmed ones lose nearly all of their weight.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows
from training.models.logistic_regression import LogisticRegression

# Chosen on the scenario `composed`, seed 11, with suspects as a whole: without them PR-AUC on families never labelled
# falls from 0.774 to 0.634 (CHANGELOG.md). What doubling one of the numbers does was not measured.
STRENGTH = 0.01  # C of the linear model: strong shrinkage, so that it memorises nobody
CONFIRMED_QUANTILE = 0.05  # a suspect scores above this quantile of the confirmed accounts
MAX_SHARE = 0.05  # at most this share of the unlabelled rows are suspects
SUSPECT_WEIGHT = 0.02  # share of its weight that a suspect keeps


def suspects(rows: TrainingRows, unlabelled: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Which unlabelled rows score like confirmed ones, (n,): at most `MAX_SHARE` of them."""
    scores = score_out_of_fold(rows, seed)
    if not (rows.label.any() and unlabelled.any()):
        return np.zeros(rows.label.size, dtype=np.bool_)
    like_confirmed = np.quantile(scores[rows.label], CONFIRMED_QUANTILE)
    highest = np.quantile(scores[unlabelled], 1 - MAX_SHARE)
    suspect: NDArray[np.bool_] = unlabelled & (scores > max(like_confirmed, highest))
    return suspect


def score_out_of_fold(rows: TrainingRows, seed: int) -> NDArray[np.float64]:
    """The plain model's log-odds of each row, (n,), learnt from the other folds."""
    model = LogisticRegression(strength=STRENGTH)
    scores = np.zeros(rows.label.size)
    for fold in np.unique(rows.fold):
        in_fold = rows.fold == fold
        scores[in_fold] = model.fit(rows.take(~in_fold), seed).raw(rows.matrix[in_fold])
    return scores


def distrust(rows: TrainingRows, suspect: NDArray[np.bool_]) -> TrainingRows:
    """Take nearly all weight from the suspects."""
    return replace(rows, weight=np.where(suspect, rows.weight * SUSPECT_WEIGHT, rows.weight))
