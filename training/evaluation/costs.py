"""What mistakes cost: acting on the calibrated risk, beside the better of flagging everybody and nobody.

The unit is the cost of one false alarm. At a miss of c false alarms the Bayes threshold is 1 / (1 + c): above it, the
expected cost of leaving an account alone is the larger one. Only calibrated risks can be acted on like that, so the
curve judges ranking and calibration at once.
"""

import numpy as np

from training.evaluation.intervals import Draws, measured, with_interval
from training.evaluation.metrics import Estimate, Flags, Numbers, Value

RATIOS = (1, 10, 100, 1000)


class Cost(Value):
    """What acting on the risks costs if a missed account costs as much as `misses_over_alarms` false alarms.

    Attributes:
        misses_over_alarms: the ratio.
        threshold: risk at and above which an account is flagged.
        cost: false alarms' worth for 1,000 accounts of the test set.
        plain: the same for the better of flagging everybody and nobody.
    """

    misses_over_alarms: int
    threshold: float
    cost: Estimate
    plain: float


def costs(label: Flags, risk: Numbers, draws: Draws) -> tuple[Cost, ...]:
    """The cost curve of risks (n,), at the share of true accounts of the test set."""
    return tuple(_cost(label, risk, draws, ratio) for ratio in RATIOS)


def _cost(label: Flags, risk: Numbers, draws: Draws, ratio: int) -> Cost:
    threshold = 1 / (1 + ratio)
    flagged = risk >= threshold
    price = 1000.0 * np.where(label, np.where(flagged, 0.0, ratio), np.where(flagged, 1.0, 0.0))

    def mean(weight: Numbers) -> Numbers:
        return np.asarray((weight * price).sum(axis=-1) / np.maximum(weight.sum(axis=-1), 1.0))

    rate = float(label.mean())
    estimate = with_interval(f"cost_{ratio}", float(price.mean()), measured(draws, mean))
    return Cost(misses_over_alarms=ratio, threshold=threshold, cost=estimate, plain=1000 * min(1 - rate, ratio * rate))
