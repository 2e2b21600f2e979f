"""Figures of a ranking and of its probabilities, with intervals by campaign and account.

Higher score = riskier. Ties never help: a threshold takes all of a tie or none of it. Weights (n,) let the
same code serve the bootstrap. Figures that the counts cannot carry are left empty, and a note says why.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
FALSE_POSITIVE_RATES = (0.01, 0.001, 0.0001)
ECE_BINS = 15


class Figure(BaseModel):
    """One number with its 95 % interval; `value` is None where the counts cannot carry it, and `note` says
    why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def recall_name(rate: float) -> str:
    """The name of the recall at a false-positive rate: `recall_at_fpr_0.001`."""
    return f"recall_at_fpr_{rate:g}" if rate >= 0.0001 else f"recall_at_fpr_{rate:.10f}".rstrip("0")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows from the riskiest down; `ends` are the last places of each tie, `label` is in that order."""

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    label: Flags

    def cumulate(self, weight: Numbers) -> tuple[Numbers, Numbers]:
        """Weight of true and of false rows down to each tie's end."""
        ordered = weight[self.order]
        true = np.cumsum(ordered * self.label)[self.ends]
        return true, np.cumsum(ordered * ~self.label)[self.ends]


def rank(label: Flags, score: Numbers) -> Ranking:
    """Sort rows (n,) by falling score."""
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    ends = np.flatnonzero(np.append(np.diff(falling) != 0, True)) if score.size else np.zeros(0, np.int64)
    return Ranking(order, ends, label[order])


def average_precision(true: Numbers, false: Numbers) -> float:
    """Area under the precision-recall curve by steps (as scikit-learn's `average_precision_score`); NaN
    without true rows.
    """
    if not true.size or true[-1] <= 0:
        return math.nan
    gain = np.diff(true, prepend=0.0)
    seen = true + false
    precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
    return float(gain @ precision / true[-1])


def recall_at(true: Numbers, false: Numbers, rate: float) -> float:
    """Largest recall of a threshold whose false-positive rate is at most `rate`; NaN without true or false
    rows.
    """
    if not true.size or true[-1] <= 0 or false[-1] <= 0:
        return math.nan
    within = np.searchsorted(false, rate * false[-1] * (1 + 1e-12), side="right")
    return float(true[within - 1] / true[-1]) if within else 0.0


def brier(label: Flags, risk: Numbers, weight: Numbers) -> float:
    """Weighted mean squared error of the risks."""
    return float(np.average((risk - label) ** 2, weights=weight))


def expected_calibration_error(label: Flags, risk: Numbers, weight: Numbers, bins: int = ECE_BINS) -> float:
    """Mean distance of risk and share of true rows over bins of equal width (Guo et al. 2017)."""
    place = np.minimum((risk * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weights=weight * (risk - label), minlength=bins)
    return float(np.abs(gap).sum() / weight.sum())


def held_out_precision(label: Flags, score: Numbers, weight: Numbers) -> float:
    """Weighted average precision of out-of-fold scores, all folds in one ranking: calibration needs them to
    agree.
    """
    return average_precision(*rank(label, score).cumulate(weight))


def simplest(values: list[float], tolerance: float = 0.002) -> int:
    """The first place within `tolerance` of the best; values are sorted from simple to rich."""
    return int(np.argmax(np.array(values) >= max(values) - tolerance))


def threshold_at(label: Flags, score: Numbers, rate: float) -> float:
    """A threshold with at most `rate` false positives, half-way between the lowest score it takes and the
    next one below.

    If even the riskiest tie is too much, it lies at the highest score plus nothing: take scores strictly
    above.
    """
    ranking = rank(label, score)
    _, false = ranking.cumulate(np.ones(score.size))
    within = int(np.searchsorted(false, rate * (~label).sum() * (1 + 1e-12), side="right"))
    levels = score[ranking.order][ranking.ends]
    if within == 0:
        return float(np.nextafter(levels[0], np.inf))
    if within == levels.size:
        return float(levels[-1])
    middle = (levels[within - 1] + levels[within]) / 2
    return float(middle) if middle > levels[within] else float(levels[within - 1])


def resample(label: Flags, campaign: NDArray[np.int64], replicates: int, seed: int) -> Iterator[Numbers]:
    """Weights (n,) of bootstrap samples: campaigns are drawn, then accounts within them (Poisson); others
    by account.

    `campaign` numbers the campaigns from 0; -1 = none, an account for itself.
    """
    rng = np.random.default_rng(seed)
    grouped = campaign >= 0
    groups = int(campaign.max(initial=-1)) + 1
    for _ in range(replicates):
        drawn = rng.multinomial(groups, np.full(groups, 1 / groups)) if groups else np.zeros(0, np.int64)
        mean = np.ones(label.size)
        mean[grouped] = drawn[campaign[grouped]]
        yield rng.poisson(mean).astype(np.float64)


def figures(
    label: Flags, risk: Numbers, campaign: NDArray[np.int64], *, seed: int, replicates: int = 300
) -> tuple[Figure, ...]:
    """All figures of one test set, rows are accounts, (n,) each; `campaign` as in `resample`."""
    ranking = rank(label, risk)
    point = _measure(label, risk, ranking, np.ones(label.size))
    drawn = [_measure(label, risk, ranking, w) for w in resample(label, campaign, replicates, seed) if w.any()]
    table = np.array(drawn).reshape(len(drawn), len(point))
    names = _names()
    return tuple(
        _figure(name, value, table[:, i], label, campaign)
        for i, (name, value) in enumerate(zip(names, point, strict=True))
    )


def _names() -> list[str]:
    return ["pr_auc", *map(recall_name, FALSE_POSITIVE_RATES), "recall_above_all_negatives", "brier", "ece"]


def _measure(label: Flags, risk: Numbers, ranking: Ranking, weight: Numbers) -> list[float]:
    true, false = ranking.cumulate(weight)
    recalls = [recall_at(true, false, rate) for rate in (*FALSE_POSITIVE_RATES, 0.0)]
    errors = [brier(label, risk, weight), expected_calibration_error(label, risk, weight)]
    return [average_precision(true, false), *recalls, *errors]


def _figure(name: str, value: float, drawn: Numbers, label: Flags, campaign: NDArray[np.int64]) -> Figure:
    negatives, positives = int((~label).sum()), int(label.sum())
    rate = dict(zip(map(recall_name, FALSE_POSITIVE_RATES), FALSE_POSITIVE_RATES, strict=True)).get(name)
    if not math.isfinite(value):
        return Figure(
            name=name, value=None, note=f"{positives} true and {negatives} other accounts: nothing to measure"
        )
    if rate is not None and rate * negatives < 1 - 1e-9:
        note = f"needs {math.ceil(1 / rate - 1e-9):,} accounts that are not true, there are {negatives:,}"
        return Figure(name=name, value=None, note=note)
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if finite.size else (value, value)
    if name.startswith("recall"):
        floor, ceiling = wilson(value, positives)
        low, high = min(low, floor), max(high, ceiling)
    few = np.unique(campaign[label & (campaign >= 0)]).size == 1
    note = "one campaign: the interval covers its accounts only" if few and not _is_error(name) else ""
    return Figure(name=name, value=value, low=float(min(low, value)), high=float(max(high, value)), note=note)


def _is_error(name: str) -> bool:
    return name in ("brier", "ece")


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` independent rows (Wilson 1927); never empty, also at 0 and 1."""
    if count == 0:
        return 0.0, 1.0
    z = 1.959964
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
