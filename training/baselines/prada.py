"""PRADA (Juuti et al. 2019): is the distance of each request to the nearest earlier one distributed normally?

It assumes that a natural user's distances are normal and those of a synthetic sequence are not, and measures this by
the Shapiro-Wilk statistic. The original keeps such distances for each class that a classifier answers; a language model
has no classes, so here there is one set. The original waits for 100 distances; here three are enough, so that every
account can be judged.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from training.baselines.windows import Windows, squared_distances

MIN_DISTANCES = 3  # the least that the Shapiro-Wilk test takes
MAX_DEVIATIONS = 3.0  # standard deviations from the mean; PRADA leaves out distances beyond
Numbers = NDArray[np.float64]


def deviation(windows: Windows) -> Numbers:
    """1 - W of the distances of each account, (a,): from 0 for normal to 1. NaN for fewer than `MIN_DISTANCES`."""
    return np.concatenate([*(_deviation(nearest_distances(part)) for part in windows.batches()), np.zeros(0)])


def nearest_distances(part: Windows) -> Numbers:
    """The distance of each request to the nearest earlier one, (a, n); NaN for the first and for padding."""
    longest = part.is_request.shape[1]
    squares = squared_distances(part.vectors, part.vectors)
    is_earlier = np.tri(longest, k=-1, dtype=np.bool_) & part.is_request[:, None, :]
    least = np.where(is_earlier, squares, np.inf).min(axis=2, initial=np.inf)
    return np.where(part.is_request & np.isfinite(least), np.sqrt(least), np.nan).astype(np.float64)


def _deviation(distances: Numbers) -> Numbers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any distance
        middle, spread = np.nanmean(distances, axis=1), np.nanstd(distances, axis=1)
    is_outlier = np.abs(distances - middle[:, None]) > MAX_DEVIATIONS * spread[:, None]
    inliers = np.where(is_outlier, np.nan, distances)
    has_enough = (~np.isnan(inliers)).sum(axis=1) >= MIN_DISTANCES
    is_constant = has_enough & (spread < 1e-6)  # always the same distance: no natural user is so even
    deviations = np.where(is_constant, 1.0, np.nan)
    is_testable = has_enough & ~is_constant
    if is_testable.any():
        from scipy.stats import shapiro  # late: it takes most of a second to import, and only trainings need it

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows with nearly equal distances
            statistic = shapiro(inliers[is_testable], axis=1, nan_policy="omit").statistic
            deviations[is_testable] = 1.0 - statistic
    return deviations
