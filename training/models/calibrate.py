"""From raw scores to risks: a strictly increasing curve in log-odds, stored as plain numbers.

What matters are very low false-positive rates, so calibration must not merge two scores that the model keeps apart.
Isotonic regression does (it is flat in steps). Here a line is fitted first (Platt 1999, with his smoothed targets). It
is then bent at a few knots towards the observed log-odds of bins of scores, each bin shrunk to the line by
`PSEUDO_COUNT` pseudo-observations. The knots are made increasing (pool adjacent violators) with a minimum slope. Beyond
the outer knots there is no evidence: there the curve grows only with the logarithm.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

# The form of the calibration was chosen on the scenario `composed`, seed 11 (CHANGELOG.md). What doubling one of these
# numbers does was not measured.
PSEUDO_COUNT = 20.0  # pseudo-observations that shrink a bin to the line; more of them, and the curve is straighter
MAX_LOG_ODDS = 11.0  # of a bin: keeps risks between about 1 in 60,000 and its complement
MIN_SLOPE = 0.02  # log-odds for each step of one in the score, so that no two scores are merged
TAIL_SLOPE = 0.1  # how fast the curve grows beyond the outer knots, within the logarithm
MIN_RATE, MAX_RATE = 1e-4, 0.5  # bounds of an estimated base rate
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A curve from raw scores to risks.

    Attributes:
        score: of the knots, strictly increasing.
        log_odds: of the knots, strictly increasing.
        base_rate: the share of true rows that the curve was fitted at.
    """

    score: tuple[float, ...]
    log_odds: tuple[float, ...]
    base_rate: float

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: knots that do not rise strictly, or a number that is not finite.
        """
        x, y = np.array(self.score), np.array(self.log_odds)
        rising = x.size == y.size >= 2 and bool((np.diff(x) > 0).all() and (np.diff(y) > 0).all())
        if not rising or not np.isfinite([*self.score, *self.log_odds, self.base_rate]).all():
            raise ValueError("the knots of a calibrator must be finite and rise strictly")

    def at(self, base_rate: float) -> "Calibrator":
        """The curve for another share of true accounts: all odds are multiplied by the ratio of the odds.

        This is right if true accounts and others each score as before (prior probability shift: Saerens, Latinne and
        Decaestecker 2002).

        Raises:
            ValueError: a base rate that is not between 0 and 1.
        """
        if not 0.0 < base_rate < 1.0:
            raise ValueError(f"a base rate lies between 0 and 1, got {base_rate}")
        shift = float(logit(base_rate) - logit(np.clip(self.base_rate, 1e-6, 1 - 1e-6)))
        return replace(self, log_odds=tuple(y + shift for y in self.log_odds), base_rate=base_rate)

    def apply(self, scores: Numbers) -> Numbers:
        """The risks in [0, 1] of raw scores, (n,) each: a higher score never gets a lower risk."""
        risk: Numbers = expit(self.bend(scores))
        return risk

    def bend(self, scores: Numbers) -> Numbers:
        """The calibrated log-odds of raw scores, (n,) each."""
        x, y = self.score, self.log_odds
        inside = np.interp(scores, x, y)
        below = np.log1p(TAIL_SLOPE * np.maximum(x[0] - scores, 0.0))
        above = np.log1p(TAIL_SLOPE * np.maximum(scores - x[-1], 0.0))
        log_odds: Numbers = inside - below + above
        return log_odds


def fit_calibrator(scores: Numbers, label: Flags, bins: int = 8) -> Calibrator:
    """Fit a curve on out-of-fold scores and labels, (n,) each, one row per account.

    With one class only, or scores that are all equal, the curve is a gentle line through the smoothed base rate.

    Args:
        scores: (n,).
        label: (n,).
        bins: of each class; more of them follow the scores more closely and need more rows.
    """
    from sklearn.isotonic import isotonic_regression  # late: a server that only asks a model need not load it

    base = (label.sum() + 1.0) / (label.size + 2.0)
    if label.all() or not label.any() or np.ptp(scores) < 1e-9:
        middle = float(np.median(scores)) if scores.size else 0.0
        return _curve(np.array([middle - 1, middle + 1]), logit(base) + np.array([-0.5, 0.5]), float(label.mean()))
    slope, intercept = _line(scores, label)
    x, count, true = _bins(scores, label, bins)
    line = slope * x + intercept
    shrunk = (true + PSEUDO_COUNT * expit(line)) / (count + PSEUDO_COUNT)
    # A bin departs from the line only as far as its rows carry weight; at the ends this keeps risks off 0 and 1.
    y = np.clip(logit(shrunk), -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return _curve(x, isotonic_regression(y, sample_weight=count), float(label.mean()))


def estimated_rate(calibrator: Calibrator, scores: Numbers, steps: int = 200) -> float:
    """Estimate the share of true accounts from unlabelled scores (n,), between `MIN_RATE` and `MAX_RATE`.

    By expectation and maximisation (Saerens, Latinne and Decaestecker 2002), on the assumption that true accounts and
    others each score as before. Only measurements use it: the risks of a run do not depend on what else is scored.
    """
    rate = float(np.clip(calibrator.base_rate, MIN_RATE, MAX_RATE))
    for _ in range(steps):
        mean_risk = float(np.clip(calibrator.at(rate).apply(scores).mean(), MIN_RATE, MAX_RATE))
        if abs(mean_risk - rate) < 1e-7:
            break
        rate = mean_risk
    return rate


def _line(scores: Numbers, label: Flags) -> tuple[float, float]:
    """Fit slope and intercept by maximum likelihood with Platt's targets; the slope is positive."""
    from scipy.optimize import minimize  # late, too

    true = int(label.sum())
    target = np.where(label, (true + 1) / (true + 2), 1 / (label.size - true + 2))
    centre, spread = float(scores.mean()), float(scores.std())
    standard = (scores - centre) / spread

    def loss(at: Numbers) -> tuple[float, Numbers]:
        odds = np.exp(at[0]) * standard + at[1]
        off = expit(odds) - target
        value = float(np.mean(np.logaddexp(0.0, odds) - target * odds))
        return value, np.array([np.mean(off * standard) * np.exp(at[0]), np.mean(off)])

    start = np.array([0.0, logit(true / label.size)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-4.0, 4.0), (-30.0, 30.0)]).x
    slope = float(np.exp(best[0])) / spread
    return slope, float(best[1]) - slope * centre


def _bins(scores: Numbers, label: Flags, bins: int) -> tuple[Numbers, Numbers, Numbers]:
    """The mean score, the rows and the true rows of bins that split the scores of each class evenly."""
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    edges = np.unique(np.concatenate([np.quantile(scores[side], inner) for side in (label, ~label)]))
    bin_of = np.searchsorted(edges, scores, side="right")
    count = np.bincount(bin_of, minlength=edges.size + 1).astype(np.float64)
    true = np.bincount(bin_of, weights=label.astype(np.float64), minlength=edges.size + 1)
    total = np.bincount(bin_of, weights=scores, minlength=edges.size + 1)
    is_filled = count > 0
    return total[is_filled] / count[is_filled], count[is_filled], true[is_filled].astype(np.float64)


def _curve(x: Numbers, y: Numbers, base_rate: float) -> Calibrator:
    """Make a calibrator of knots, after making them rise by at least `MIN_SLOPE` for a step of one in the score."""
    is_apart = np.concatenate([[True], np.diff(x) > 1e-9])
    x, y = x[is_apart], y[is_apart]
    if x.size < 2:
        x, y = np.array([x[0], x[0] + 1.0]), np.array([y[0], y[0]])
    tilted = np.maximum.accumulate(y) + MIN_SLOPE * (x - x[0])
    return Calibrator(tuple(map(float, x)), tuple(map(float, tilted)), base_rate)
