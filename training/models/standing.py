"""Standing: where a score lies among those of a provider's accounts, whatever the scale of the scores.

A model that has seen two campaigns gives most accounts log-odds far below what anybody could know. Their order is worth
more than their size, so scores become normal scores (van der Waerden): the quantile of the standard normal at the share
of accounts that score lower.

The accounts that a model learned from are also its *reference*: with them a user compares an account's risk, and each
of its numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr, ndtri

Numbers = NDArray[np.float64]
_NEAR = 1e-6  # of the range of all scores: knots as near to one another as this are one
SEGMENT = "plan_rank"
"""The feature by whose values the reference accounts are split, so that an account is compared with its plan."""

LEAST_ACCOUNTS = 20  # of a plan that is compared with itself; a custom. An account of a smaller plan: with all accounts
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
        return np.asarray(ndtr(self.normal_scores(scores)))


def fit_standing(scores: Numbers) -> Standing:
    """Fit the curve on the scores (n,) of all accounts, one each; it is a line if they are all equal."""
    if scores.size == 0 or np.ptp(scores) < 1e-9:
        middle = float(np.median(scores)) if scores.size else 0.0
        return Standing((middle - 1.0, middle + 1.0), (-1.0, 1.0))
    x, count = np.unique(scores, return_counts=True)
    y = ndtri((np.cumsum(count) - count / 2) / scores.size)  # equal scores share their mean rank
    chosen = np.unique(np.concatenate([[0, x.size - 1], np.searchsorted(y, _GRID[(y[0] < _GRID) & (y[-1] > _GRID)])]))
    far = np.ptp(x) * _NEAR
    is_apart = np.concatenate([np.diff(x[chosen]) > far, [True]])
    knots = chosen[is_apart]
    if knots.size < 2:
        knots = chosen[[0, -1]]
    return Standing(tuple(map(float, x[knots])), tuple(map(float, y[knots])))


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceAccounts:
    """What is usual among the accounts that a model learned from, each as it was last seen.

    Attributes:
        standing: turns the log-odds of a risk into the normal score of the share of accounts with a lower risk.
        segments: values of the feature `SEGMENT` that have medians of their own, rising.
        medians: (segments + 1, F); the medians of the features in each segment, and last over all accounts. NaN where
            no account has a value.
    """

    standing: Standing
    segments: tuple[float, ...]
    medians: Numbers

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: another number of medians than of segments and all accounts, or segments that do not rise.
        """
        rises = all(low < high for low, high in zip(self.segments, self.segments[1:], strict=False))
        if self.medians.ndim != 2 or len(self.medians) != len(self.segments) + 1 or not rises:
            raise ValueError("the medians of the reference accounts do not fit their segments")

    def percentiles(self, risks: Numbers) -> Numbers:
        """The share of reference accounts with a lower risk, in per cent, of risks (n,); NaN for NaN."""
        return 100.0 * self.standing.shares(np.asarray(logit(risks)))

    def typical(self, segments: Numbers) -> Numbers:
        """The medians (n, F) to compare accounts with, by their values of the feature `SEGMENT`, (n,)."""
        if not self.segments:
            return np.broadcast_to(self.medians[-1], (segments.size, self.medians.shape[1]))
        row = np.minimum(np.searchsorted(self.segments, segments), len(self.segments) - 1)
        is_own = np.array(self.segments)[row] == segments
        return np.asarray(self.medians[np.where(is_own, row, len(self.segments))])

    def shifted(self, shift: float) -> "ReferenceAccounts":
        """The same accounts where all log-odds are greater by `shift`."""
        moved = Standing(tuple(score + shift for score in self.standing.score), self.standing.normal)
        return replace(self, standing=moved)


def fit_reference(risks: Numbers, matrix: NDArray[np.float32], features: Sequence[str]) -> ReferenceAccounts:
    """Describe the accounts (n,) that a model learned from by their risks (n,) and features (n, F)."""
    standing = fit_standing(np.asarray(logit(risks)))
    everybody = _medians(matrix)
    if SEGMENT not in features:
        return ReferenceAccounts(standing, (), everybody[None, :])
    segment = matrix[:, list(features).index(SEGMENT)]
    values, counts = np.unique(segment[np.isfinite(segment)], return_counts=True)
    large = values[counts >= LEAST_ACCOUNTS]
    own = [_medians(matrix[segment == value]) for value in large]
    medians = [np.where(np.isnan(median), everybody, median) for median in own]
    return ReferenceAccounts(standing, tuple(map(float, large)), np.stack([*medians, everybody]))


def _medians(matrix: NDArray[np.float32]) -> Numbers:
    """The median of each column's finite values, (F,); NaN for a column without any."""
    columns = (column[np.isfinite(column)] for column in matrix.T)
    return np.array([np.median(column) if column.size else np.nan for column in columns], dtype=np.float64)
