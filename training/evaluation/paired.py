"""Two models on the same accounts: how much better one is, with an interval of the difference.

Both are measured on the same drawn accounts, so what makes a draw easy or hard for both cancels out; two overlapping
intervals can hide a difference that this one shows.
"""

import math

import numpy as np
from numpy.typing import NDArray

from training.evaluation.headline import ERRORS, NEEDED
from training.evaluation.intervals import draw, measured, unknown, with_interval
from training.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Estimate,
    Flags,
    Numbers,
    Ranking,
    average_precision,
    brier,
    expected_calibration_error,
    rank,
    recall_at,
    recall_name,
)

RATES = FALSE_POSITIVE_RATES[:2]
NAMES = ("pr_auc", *map(recall_name, RATES), *ERRORS)


def differences(
    label: Flags, ours: Numbers, theirs: Numbers, campaign: NDArray[np.int64], *, seed: int, replicates: int = 300
) -> tuple[Estimate, ...]:
    """How much better the risks `ours` are than `theirs`, figure by figure; negative = worse, also for errors.

    Rows are accounts, (n,) each; `campaign` as in `intervals.resample`. What the counts cannot carry is left empty.
    """
    rankings = rank(label, ours), rank(label, theirs)

    def difference(weight: Numbers) -> Numbers:
        return _measure(label, ours, rankings[0], weight) - _measure(label, theirs, rankings[1], weight)

    point = difference(np.ones(label.size))
    drawn = measured(draw(label, campaign, replicates, seed), difference).reshape(-1, len(NAMES))
    return tuple(_estimate(name, float(point[i]), drawn[:, i], int((~label).sum())) for i, name in enumerate(NAMES))


def _estimate(name: str, value: float, drawn: Numbers, negatives: int) -> Estimate:
    carried = math.isfinite(value) and negatives >= NEEDED.get(name, 1)
    return with_interval(name, value, drawn) if carried else unknown(name, "too few accounts")


def _measure(label: Flags, risk: Numbers, ranking: Ranking, weight: Numbers) -> Numbers:
    """All figures, turned so that more is better: (figures,), or (R, figures) for R resamples."""
    true, false = ranking.cumulate(weight)
    recalls = [recall_at(true, false, rate) for rate in RATES]
    errors = [-brier(label, risk, weight), -expected_calibration_error(label, risk, weight)]
    return np.stack([average_precision(true, false), *recalls, *errors], axis=-1)
