"""Standing: where a score lies among those of a provider's accounts, whatever the scale of the scores.

A model that has seen two campaigns gives most accounts log-odds far below what anybody could know. Their order is worth
more than their size, so scores become normal scores (van der Waerden): the quantile of the standard normal at the share
of accounts that score lower.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Numbers = NDArray[np.float64]
_NEAR = 1e-6  # of the range of all scores: knots as near to one another as this are one
_GRID = np.linspace(-4.0, 4.0, 81)  # normal scores of the knots; between two of them the curve is straight


@dataclass(frozen=True, slots=True)
class Standing:
    """A curve from scores to normal scores, strictly increasing.

    Attributes:
        score: of the knots, strictly increasing.
        normal: their normal scores, strictly increasing.
    """

    score: tuple[float, ...]
    normal: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: fewer than two knots, or knots that do not rise strictly or are not finite.
        """
        x, y = np.array(self.score), np.array(self.normal)
        rising = x.size == y.size >= 2 and bool((np.diff(x) > 0).all() and (np.diff(y) > 0).all())
        if not rising or not np.isfinite([*self.score, *self.normal]).all():
            raise ValueError("the knots of a standing must be finite and rise strictly")

    def normal_scores(self, scores: Numbers) -> Numbers:
        """The normal scores (n,) of scores; beyond the knots they grow with the logarithm."""
        x, y = self.score, self.normal
        width = (x[-1] - x[0]) / (y[-1] - y[0])
        below = np.log1p(np.maximum(x[0] - scores, 0.0) / width)
        above = np.log1p(np.maximum(scores - x[-1], 0.0) / width)
        normal: Numbers = np.interp(scores, x, y) - below + above
        return normal

    def shares(self, scores: Numbers) -> Numbers:
        """The share of accounts that score lower, (n,)."""
        return np.asarray(norm.cdf(self.normal_scores(scores)))


def fit_standing(scores: Numbers) -> Standing:
    """Fit the curve on the scores (n,) of all accounts, one each; it is a line if they are all equal."""
    if scores.size == 0 or np.ptp(scores) < 1e-9:
        middle = float(np.median(scores)) if scores.size else 0.0
        return Standing((middle - 1.0, middle + 1.0), (-1.0, 1.0))
    x, first = np.unique(scores, return_index=True)
    y = norm.ppf((rankdata(scores)[first] - 0.5) / scores.size)
    chosen = np.unique(np.concatenate([[0, x.size - 1], np.searchsorted(y, _GRID[(y[0] < _GRID) & (y[-1] > _GRID)])]))
    far = np.ptp(x) * _NEAR
    is_apart = np.concatenate([np.diff(x[chosen]) > far, [True]])
    knots = chosen[is_apart]
    if knots.size < 2:
        knots = chosen[[0, -1]]
    return Standing(tuple(map(float, x[knots])), tuple(map(float, y[knots])))
