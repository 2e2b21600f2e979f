"""The overall figures of a test set: ranking and calibration, each with its interval or with what it lacks."""

import math

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import Draws, draw, measured, unknown, with_interval
from training.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Estimate,
    Flags,
    Numbers,
    Ranking,
    average_precision,
    average_precision_at,
    brier,
    expected_calibration_error,
    rank,
    recall_at,
    recall_name,
)

BASE_RATES = (0.01, 0.001)
ERRORS = ("brier", "ece")
ONE_CAMPAIGN = "one campaign: the interval covers its accounts only"


def at_base_rate(rate: float) -> str:
    """The name of the PR-AUC at a stated base rate: `pr_auc_at_base_rate_0.01`."""
    return f"pr_auc_at_base_rate_{rate:g}"


# what a figure needs: so many accounts that are not true
NEEDED = {recall_name(rate): math.ceil(1 / rate - 1e-9) for rate in FALSE_POSITIVE_RATES}
NEEDED |= {at_base_rate(rate): math.ceil((1 - rate) / rate - 1e-9) for rate in BASE_RATES}
NAMES = (
    "pr_auc",
    *map(at_base_rate, BASE_RATES),
    *map(recall_name, FALSE_POSITIVE_RATES),
    "recall_above_all_negatives",
    *ERRORS,
)


def needs(name: str, negatives: int) -> str:
    """What a figure lacks."""
    return f"needs {NEEDED[name]:,} accounts that are not true, there are {negatives:,}"


def estimates(
    label: Flags,
    risk: Numbers,
    campaign: NDArray[np.int64],
    *,
    seed: int,
    replicates: int = 300,
    draws: Draws | None = None,
) -> tuple[Estimate, ...]:
    """All figures (`NAMES`) of one test set, rows are accounts, (n,) each; `campaign` as in `resample`.

    Give `draws` to judge several things on the same resamples.
    """
    drawn = draw(label, campaign, replicates, seed) if draws is None else draws
    ranking = rank(label, risk)
    point = _measure(label, risk, ranking, np.ones(label.size))
    table = measured(drawn, lambda weight: _measure(label, risk, ranking, weight)).reshape(-1, len(NAMES))
    is_one_campaign = np.unique(campaign[label & (campaign >= 0)]).size == 1
    return tuple(_estimate(name, float(point[i]), table[:, i], label, is_one_campaign) for i, name in enumerate(NAMES))


def _measure(label: Flags, risk: Numbers, ranking: Ranking, weight: Numbers) -> Numbers:
    """One number per name, (..., names)."""
    true, false = ranking.trace(weight)
    areas = [average_precision(true, false), *(average_precision_at(true, false, rate) for rate in BASE_RATES)]
    recalls = [recall_at(true, false, rate) for rate in (*FALSE_POSITIVE_RATES, 0.0)]
    errors = [brier(label, risk, weight), expected_calibration_error(label, risk, weight)]
    return np.stack([*areas, *recalls, *errors], axis=-1)


def _estimate(name: str, value: float, drawn: Numbers, label: Flags, is_one_campaign: bool) -> Estimate:
    negatives, positives = int((~label).sum()), int(label.sum())
    if not math.isfinite(value):
        return unknown(name, f"{positives} true and {negatives} other accounts: nothing to measure")
    if negatives < NEEDED.get(name, 0):
        return unknown(name, needs(name, negatives))
    note = ONE_CAMPAIGN if is_one_campaign and name not in ERRORS else ""
    return with_interval(name, value, drawn, positives if name.startswith("recall") else None, note)
