"""From raw scores to risks: a strictly increasing curve in log-odds, stored as plain numbers.

Quality lives at very low false-positive rates, so calibration may not merge two scores that the trees keep
apart. Isotonic regression does (it is flat in steps). Here a line is fitted first (Platt 1999, with his
smoothed targets), then bent at a few knots towards the observed log-odds of bins of scores, each bin shrunk
to the line by `PRIOR` pseudo-observations; the knots are made increasing (pool adjacent violators) with a
least slope. Beyond the outer knots there is no evidence: the curve goes on growing, but with the logarithm
only.

Being in a reported campaign is evidence about an account that its own features do not hold, and is added last, as one
number of log-odds, the same for all: the `lift`. Were it a feature, trees would learn by heart that the members of a
campaign that nobody has labelled are honest; here a label of one account cannot tell on another's group.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import isotonic_regression

PRIOR = 20.0
STEEPEST = 11.0
LEAST_SLOPE = 0.02
TAIL = 0.1
LEAST_RATE, MOST_RATE = 1e-4, 0.5
USUAL_LIFT, LIFT_SPREAD = 3.0, 0.5  # odds of 20: mean and standard deviation of what a lift is before labels are seen
MOST_SHIFT = 3.0
Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Knots (`score`, `log_odds`), both strictly increasing, the share of true rows they were fitted at, and the
    `lift`: log-odds that being in a campaign adds, never negative.
    """

    score: tuple[float, ...]
    log_odds: tuple[float, ...]
    base_rate: float
    lift: float = 0.0

    def __post_init__(self) -> None:
        """Raises `ValueError` if the knots do not rise strictly, or if anything is not finite or the lift negative."""
        x, y = np.array(self.score), np.array(self.log_odds)
        rising = x.size == y.size >= 2 and bool((np.diff(x) > 0).all() and (np.diff(y) > 0).all())
        if not rising or not np.isfinite([*self.score, *self.log_odds, self.base_rate]).all():
            raise ValueError("the knots of a calibrator must be finite and rise strictly")
        if not 0.0 <= self.lift < np.inf:
            raise ValueError(f"the lift of a calibrator must be finite and not negative, got {self.lift}")

    def at(self, base_rate: float) -> "Calibrator":
        """The same curve where another share of accounts is true: all odds are multiplied by the ratio of the odds.

        So it is if true and other accounts each score as they did before (prior probability shift: Saerens, Latinne
        and Decaestecker 2002). Raises `ValueError` for a base rate that is not between 0 and 1.
        """
        if not 0.0 < base_rate < 1.0:
            raise ValueError(f"a base rate lies between 0 and 1, got {base_rate}")
        shift = float(logit(base_rate) - logit(np.clip(self.base_rate, 1e-6, 1 - 1e-6)))
        return replace(self, log_odds=tuple(y + shift for y in self.log_odds), base_rate=base_rate)

    def apply(self, scores: Numbers, in_campaign: Flags | None = None) -> Numbers:
        """Risks in [0, 1] of raw scores, (n,) each: a higher score never gets a lower risk.

        `grouped`, (n,): which rows are in a campaign; none if absent.
        """
        odds = self.bend(scores) if in_campaign is None else self.bend(scores) + self.lift * in_campaign
        risk: Numbers = expit(odds)
        return risk

    def bend(self, scores: Numbers) -> Numbers:
        """Calibrated log-odds of raw scores, (n,) each."""
        x, y = self.score, self.log_odds
        inside = np.interp(scores, x, y)
        below = np.log1p(TAIL * np.maximum(x[0] - scores, 0.0))
        above = np.log1p(TAIL * np.maximum(scores - x[-1], 0.0))
        bent: Numbers = inside - below + above
        return bent


def fit_calibrator(scores: Numbers, label: Flags, bins: int = 8) -> Calibrator:
    """Fit on out-of-fold scores and labels, (n,) each, one row per account.

    With one class only, or scores that are all the same, the curve is a gentle line through the (smoothed)
    base rate.
    """
    base = (label.sum() + 1.0) / (label.size + 2.0)
    if label.all() or not label.any() or np.ptp(scores) < 1e-9:
        middle = float(np.median(scores)) if scores.size else 0.0
        return _curve(np.array([middle - 1, middle + 1]), logit(base) + np.array([-0.5, 0.5]), float(label.mean()))
    slope, intercept = _line(scores, label)
    x, count, true = _bins(scores, label, bins)
    line = slope * x + intercept
    shrunk = (true + PRIOR * expit(line)) / (count + PRIOR)
    # the bins differ from the line by evidence only where it has weight; at the ends this keeps risks off 0
    # and 1
    y = np.clip(logit(shrunk), -STEEPEST, STEEPEST)
    return _curve(x, isotonic_regression(y, sample_weight=count), float(label.mean()))


def with_lift(calibrator: Calibrator, scores: Numbers, label: Flags, in_campaign: Flags) -> Calibrator:
    """The same with a lift, and moved so that the mean risk stays: both fitted on out-of-fold rows, (n,) each.

    Members of campaigns that nobody has labelled count as false here, so labels alone would find too small a lift. It
    is held to `USUAL_LIFT` by a normal prior (maximum a posteriori), and is that where no row is true or all are.
    """
    if label.all() or not label.any():
        return replace(calibrator, lift=USUAL_LIFT)
    before = calibrator.bend(scores)

    def loss(at: Numbers) -> tuple[float, Numbers]:
        odds = before + at[0] + at[1] * in_campaign
        off, away = expit(odds) - label, (at[1] - USUAL_LIFT) / LIFT_SPREAD
        value = float(np.sum(np.logaddexp(0.0, odds) - label * odds) + away**2 / 2)
        return value, np.array([off.sum(), (off * in_campaign).sum() + away / LIFT_SPREAD])

    bounds = [(-MOST_SHIFT, MOST_SHIFT), (0.0, None)]
    shift, lift = minimize(loss, np.array([0.0, USUAL_LIFT]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return replace(calibrator, log_odds=tuple(float(y + shift) for y in calibrator.log_odds), lift=float(lift))


def estimated_rate(calibrator: Calibrator, scores: Numbers, steps: int = 200) -> float:
    """The share of true accounts among unlabelled scores (n,), by expectation and maximisation (Saerens, Latinne and
    Decaestecker 2002); it lies between 1 in 10,000 and 1/2.

    It holds where true and other accounts each score as they did before. No command uses it: scores are not changed by
    what else is scored in the same run.
    """
    rate = float(np.clip(calibrator.base_rate, LEAST_RATE, MOST_RATE))
    for _ in range(steps):
        found = float(np.clip(calibrator.at(rate).apply(scores).mean(), LEAST_RATE, MOST_RATE))
        if abs(found - rate) < 1e-7:
            break
        rate = found
    return rate


def _line(scores: Numbers, label: Flags) -> tuple[float, float]:
    """Slope and intercept by maximum likelihood with Platt's targets; the slope is held above zero."""
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
    """Mean score, rows and true rows of bins that split the scores of both classes evenly."""
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    edges = np.unique(np.concatenate([np.quantile(scores[side], inner) for side in (label, ~label)]))
    place = np.searchsorted(edges, scores, side="right")
    count = np.bincount(place, minlength=edges.size + 1).astype(np.float64)
    true = np.bincount(place, weights=label.astype(np.float64), minlength=edges.size + 1)
    total = np.bincount(place, weights=scores, minlength=edges.size + 1)
    full = count > 0
    return total[full] / count[full], count[full], true[full].astype(np.float64)


def _curve(x: Numbers, y: Numbers, base_rate: float) -> Calibrator:
    """Knots made to rise: at least `LEAST_SLOPE` for a step of one in the score."""
    keep = np.concatenate([[True], np.diff(x) > 1e-9])
    x, y = x[keep], y[keep]
    if x.size < 2:
        x, y = np.array([x[0], x[0] + 1.0]), np.array([y[0], y[0]])
    tilted = np.maximum.accumulate(y) + LEAST_SLOPE * (x - x[0])
    return Calibrator(tuple(map(float, x)), tuple(map(float, tilted)), base_rate)
