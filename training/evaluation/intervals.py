"""How sure a figure is: resamples of campaigns and accounts, and intervals that small counts keep wide.

The bootstrap draws campaigns, then accounts within them, never rows: accounts of one campaign are detected or
missed together. All figures of a report share one set of draws.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from training.evaluation.metrics import Estimate, Flags, Numbers

FEWEST = 10  # accounts that a share needs to be reported
Z_95 = float(ndtri(0.975))
_CELLS = 2_000_000  # of a block of draws: bounds the memory
Draws = NDArray[np.uint16]


def resample(label: Flags, campaign: NDArray[np.int64], replicates: int, seed: int) -> Iterator[Numbers]:
    """Weights (n,) of bootstrap samples: campaigns are drawn, then accounts within them (Poisson); others
    by account.

    `campaign` numbers the campaigns from 0; -1 = none, an account for itself.
    """
    rng = np.random.default_rng(seed)
    grouped = campaign >= 0
    slices = int(campaign.max(initial=-1)) + 1
    for _ in range(replicates):
        drawn = rng.multinomial(slices, np.full(slices, 1 / slices)) if slices else np.zeros(0, np.int64)
        mean = np.ones(label.size)
        mean[grouped] = drawn[campaign[grouped]]
        yield rng.poisson(mean).astype(np.float64)


def draw(label: Flags, campaign: NDArray[np.int64], replicates: int, seed: int) -> Draws:
    """So many resamples at once, (R, n)."""
    drawn = [weight.astype(np.uint16) for weight in resample(label, campaign, replicates, seed)]
    return np.array(drawn, dtype=np.uint16).reshape(len(drawn), label.size)


def measured(draws: Draws, measure: Callable[[Numbers], Numbers]) -> Numbers:
    """What a measure gives for each resample, (R, ...); it is given a few of them at a time, (r, n)."""
    step = max(1, _CELLS // max(draws.shape[1], 1))
    blocks = [draws[i : i + step].astype(np.float64) for i in range(0, draws.shape[0], step)]
    return np.concatenate([measure(block) for block in blocks]) if blocks else np.zeros(0)


def with_interval(name: str, value: float, drawn: Numbers, count: int | None = None, note: str = "") -> Estimate:
    """A figure with the 95 % interval of its resamples (R,); for a share of `count` accounts at least Wilson's."""
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if finite.size else (value, value)
    if count is not None:
        floor, ceiling = wilson(value, count)
        low, high = min(low, floor), max(high, ceiling)
    return Estimate(name=name, value=value, low=float(min(low, value)), high=float(max(high, value)), note=note)


def unknown(name: str, note: str) -> Estimate:
    """A figure without a value, and why."""
    return Estimate(name=name, value=None, note=note)


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` independent rows (Wilson 1927); never empty, also at 0 and 1.

    `scipy.stats.binomtest` gives the same for whole hits, but ties at the head of a queue count in fractions.
    """
    if count == 0:
        return 0.0, 1.0
    z = Z_95
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
