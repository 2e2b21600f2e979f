"""Unlabelled accounts that look like confirmed ones: not to be taught as negatives.

Accounts without a label are unknown, not benign. A campaign that nobody has confirmed yet stands among them, and a
model that takes its accounts for negatives learns to overlook it. So, in two steps (reliable negatives, Liu et al.
2003): a plain linear model, which cannot memorise single accounts, scores every account out of fold; unlabelled ones
that score like confirmed ones lose nearly all of their weight.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows
from training.models.logistic_regression import LogisticRegression

STRENGTH = 0.01
CONFIRMED_BELOW = 0.05
MOST = 0.05
REMAINS = 0.02


def suspects(data: TrainingRows, unlabelled: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Which unlabelled rows score above the lowest twentieth of the confirmed, at most a twentieth of them; (n,)."""
    model = LogisticRegression(strength=STRENGTH)
    scores = np.zeros(data.label.size)
    for fold in np.unique(data.fold):
        out = data.fold == fold
        scores[out] = model.fit(data.take(~out), seed).raw(data.matrix[out])
    if not (data.label.any() and unlabelled.any()):
        return np.zeros(data.label.size, dtype=np.bool_)
    like_confirmed = np.quantile(scores[data.label], CONFIRMED_BELOW)
    highest = np.quantile(scores[unlabelled], 1 - MOST)
    suspect: NDArray[np.bool_] = unlabelled & (scores > max(like_confirmed, highest))
    return suspect


def distrust(data: TrainingRows, suspect: NDArray[np.bool_]) -> TrainingRows:
    """The same examples, with little weight on the suspects."""
    return replace(data, weight=np.where(suspect, data.weight * REMAINS, data.weight))
