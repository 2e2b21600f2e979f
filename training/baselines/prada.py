"""PRADA (Juuti et al. 2019): are the distances of requests to the nearest earlier one spread as of a natural user?

A natural user's are taken for normal, a synthetic sequence's are not; the Shapiro-Wilk statistic tells. PRADA keeps
such distances for each class that a classifier answers; a language model has no classes, so here there is one. It waits
for 100 distances; here whatever an account sent is judged, from three distances on.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.stats import shapiro

from training.baselines.windows import Windows, squared_distances

FEWEST = 3
FARTHEST = 3.0  # deviations from the mean: PRADA leaves out what lies farther
Numbers = NDArray[np.float64]


def deviation(windows: Windows) -> Numbers:
    """1 - W of the distances of each account, (a,): 0 is normal, 1 as far from it as can be. NaN for too few."""
    return np.concatenate([*(_deviation(nearest(part)) for part in windows.batches()), np.zeros(0)])


def nearest(part: Windows) -> Numbers:
    """Distance of each request to the nearest earlier one, (a, n); NaN for the first and for padding."""
    longest = part.known.shape[1]
    apart = squared_distances(part.vectors, part.vectors)
    is_earlier = np.tri(longest, k=-1, dtype=np.bool_) & part.known[:, None, :]
    least = np.where(is_earlier, apart, np.inf).min(axis=2, initial=np.inf)
    return np.where(part.known & np.isfinite(least), np.sqrt(least), np.nan).astype(np.float64)


def _deviation(distances: Numbers) -> Numbers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any distance
        middle, spread = np.nanmean(distances, axis=1), np.nanstd(distances, axis=1)
    far = np.abs(distances - middle[:, None]) > FARTHEST * spread[:, None]
    kept = np.where(far, np.nan, distances)
    enough = (~np.isnan(kept)).sum(axis=1) >= FEWEST
    flat = enough & (spread < 1e-6)  # always the same distance: nothing natural is so even
    found = np.where(flat, 1.0, np.nan)
    curved = enough & ~flat
    if curved.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows that are nearly even
            found[curved] = 1.0 - shapiro(kept[curved], axis=1, nan_policy="omit").statistic
    return found
