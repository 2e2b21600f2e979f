"""Does a window of requests come from ordinary traffic? By maximum mean discrepancy (MMD, Gretton et al. 2012).

As Liu, Guo and Dong use it against model extraction (arXiv 2606.05725, 2026): vectors of requests, RBF kernels, and a
threshold from comparisons of ordinary traffic with itself alone. Here the mean of four kernels around the median
distance, the unbiased estimate, and the 95th percentile of draws of as many requests as the account sent. (Their
windows are of 1,500 requests. The widths and the percentile are from a summary; the paper's own may differ.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.baselines.windows import Floats, Windows, squared_distances

WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of the median distance: each kernel is the next one's fourth power
REFERENCE = 300  # requests that windows are compared with
DRAWS, PERCENTILE = 200, 95.0
SIZES = (2, 3, 5, 8, 12, 20, 35, 60, 100)  # of drawn windows; limits in between are interpolated
LEAST = 1e-9
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ordinary:
    """Ordinary traffic: a reference (r, d), the width of its kernels, and what draws of it reach.

    Attributes:
        reference: vectors that windows are compared with.
        median: of the distances within it.
        within: mean kernel between two of it.
        limits: for each of `SIZES`, the discrepancy that one of twenty ordinary windows of that size exceeds.
    """

    reference: Floats
    median: float
    within: float
    limits: Numbers

    def score(self, windows: Windows) -> Numbers:
        """Discrepancy over its limit, (a,): above 1 the detector strikes. NaN for fewer than two requests."""
        found = [self._discrepancy(part) for part in windows.batches()]
        limit = np.interp(np.log(np.maximum(windows.sizes, 1)), np.log(SIZES), self.limits)
        return np.concatenate([*found, np.zeros(0)]) / limit

    def _discrepancy(self, part: Windows) -> Numbers:
        """Unbiased squared MMD to the reference, (a,)."""
        accounts, longest, width = part.vectors.shape
        across = kernel(part.vectors.reshape(-1, width), self.reference, self.median).mean(axis=1)
        across = (across.reshape(accounts, longest) * part.known).sum(axis=1)
        both = part.known[:, :, None] & part.known[:, None, :] & ~np.eye(longest, dtype=np.bool_)
        own = (kernel(part.vectors, part.vectors, self.median) * both).sum(axis=(1, 2))
        count = part.sizes.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart: Numbers = own / (count * (count - 1)) - 2 * across / count + self.within
        return np.where(count >= 2, apart, np.nan)


def ordinary(traffic: Floats, seed: int) -> Ordinary | None:
    """Learn what is ordinary from requests (n, d), half of them to draw from; None for too few."""
    rng = np.random.default_rng([seed, 41])
    turned = traffic[rng.permutation(len(traffic))]
    reference, others = turned[: min(REFERENCE, len(turned) // 2)], turned[len(turned) // 2 :]
    if len(reference) < SIZES[1]:
        return None
    pairs = np.triu_indices(len(reference), 1)
    distances = squared_distances(reference, reference)[pairs]
    median = float(np.sqrt(np.median(distances))) or 1.0
    within = float(kernel(reference, reference, median)[pairs].mean())
    unjudged = Ordinary(reference, median, within, np.ones(len(SIZES)))
    return Ordinary(reference, median, within, np.array([_limit(unjudged, others, size, rng) for size in SIZES]))


def _limit(unjudged: Ordinary, others: Floats, size: int, rng: np.random.Generator) -> float:
    drawn = others[rng.integers(0, len(others), (DRAWS, size))]
    scores = unjudged.score(Windows(drawn, np.ones(drawn.shape[:2], np.bool_)))
    return max(float(np.percentile(scores, PERCENTILE)), LEAST)


def kernel(left: Floats, right: Floats, median: float) -> Floats:
    """The mean of the RBF kernels, (..., n, m)."""
    power = squared_distances(left, right)
    power *= np.float32(-0.5 / (WIDTHS[-1] * median) ** 2)
    np.exp(power, out=power)
    total = power.copy()
    for _ in WIDTHS[1:]:
        power *= power
        power *= power
        total += power
    total /= len(WIDTHS)
    return total
