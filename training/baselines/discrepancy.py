"""Whether a window of requests differs from ordinary traffic, by maximum mean discrepancy (MMD, Gretton et al. 2012).

Liu, Guo and Dong use it so against model extraction (arXiv 2606.05725, 2026): vectors of requests, RBF kernels, and a
threshold from comparisons of ordinary traffic with itself. Here: the mean of four kernels around the median distance,
the unbiased estimate, and the 95th percentile over random windows of as many requests as the account sent. Their
windows hold 1,500 requests. The widths and the percentile are taken from a summary; the paper's own may differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.baselines.windows import Floats, Windows, squared_distances

WIDTHS = (0.5, 1.0, 2.0, 4.0)  # in median distances; each kernel is the fourth power of the next one
REFERENCE = 300  # requests that windows are compared with; doubled, scoring takes twice as long
DRAWS = 200  # random windows of each size behind a limit: ten lie above it. Assumed; doubled, limits vary less by luck
PERCENTILE = 95.0  # of these, beyond which a window differs; from the paper's summary
SIZES = (2, 3, 5, 8, 12, 20, 35, 60, 100)  # of random windows; limits in between are interpolated
MIN_LIMIT = 1e-9  # so that nothing is divided by zero or less where ordinary windows do not differ
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OrdinaryTraffic:
    """Ordinary traffic: a reference sample, the width of its kernels, and the discrepancy of windows drawn from it.

    Attributes:
        reference: (r, d), vectors that windows are compared with.
        median: the median distance within the reference.
        within: the mean kernel between two requests of the reference.
        limits: for each of `SIZES`, the discrepancy that one in twenty ordinary windows of that size exceeds.
    """

    reference: Floats
    median: float
    within: float
    limits: Numbers

    def score(self, windows: Windows) -> Numbers:
        """The discrepancy over its limit, (a,): above 1 is an alarm. NaN for fewer than two requests."""
        parts = [self._discrepancy(part) for part in windows.batches()]
        limit = np.interp(np.log(np.maximum(windows.sizes, 1)), np.log(SIZES), self.limits)
        return np.concatenate([*parts, np.zeros(0)]) / limit

    def _discrepancy(self, part: Windows) -> Numbers:
        """The unbiased squared MMD to the reference, (a,)."""
        accounts, longest, width = part.vectors.shape
        across = kernel(part.vectors.reshape(-1, width), self.reference, self.median).mean(axis=1)
        across = (across.reshape(accounts, longest) * part.is_request).sum(axis=1)
        are_pairs = part.is_request[:, :, None] & part.is_request[:, None, :] & ~np.eye(longest, dtype=np.bool_)
        own = (kernel(part.vectors, part.vectors, self.median) * are_pairs).sum(axis=(1, 2))
        count = part.sizes.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            squared: Numbers = own / (count * (count - 1)) - 2 * across / count + self.within
        return np.where(count >= 2, squared, np.nan)


def fit_ordinary(traffic: Floats, seed: int) -> OrdinaryTraffic | None:
    """Learn what is ordinary from vectors (n, d) of requests; None if they are too few.

    One half gives the reference, the other the random windows behind the limits.
    """
    rng = np.random.default_rng([seed, 41])
    shuffled = traffic[rng.permutation(len(traffic))]
    reference, others = shuffled[: min(REFERENCE, len(shuffled) // 2)], shuffled[len(shuffled) // 2 :]
    if len(reference) < SIZES[1]:
        return None
    pairs = np.triu_indices(len(reference), 1)
    distances = squared_distances(reference, reference)[pairs]
    median = float(np.sqrt(np.median(distances))) or 1.0
    within = float(kernel(reference, reference, median)[pairs].mean())
    unlimited = OrdinaryTraffic(reference, median, within, np.ones(len(SIZES)))
    return OrdinaryTraffic(
        reference, median, within, np.array([_limit(unlimited, others, size, rng) for size in SIZES])
    )


def _limit(unlimited: OrdinaryTraffic, others: Floats, size: int, rng: np.random.Generator) -> float:
    drawn = others[rng.integers(0, len(others), (DRAWS, size))]
    scores = unlimited.score(Windows(drawn, np.ones(drawn.shape[:2], np.bool_)))
    return max(float(np.percentile(scores, PERCENTILE)), MIN_LIMIT)


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
