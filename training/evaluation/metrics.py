"""Measures of a ranking and of its probabilities; how sure they are is in `training.evaluation.intervals`.

Higher score = riskier. Ties never help: a threshold takes all of a tie or none of it. Weights are (n,), or (R, n) for R
resamples at once; measures of them are one number or (R,). A measure of nothing is NaN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
FALSE_POSITIVE_RATES = (0.01, 0.001, 0.0001)
ECE_BINS = 15


class Value(BaseModel):
    """A frozen part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Value):
    """One number with its 95 % interval; `value` is None where the counts cannot carry it, and `note` says
    why.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def named(estimates: tuple[Estimate, ...], name: str) -> Estimate:
    """The figure of that name; `KeyError` if there is none."""
    for estimate in estimates:
        if estimate.name == name:
            return estimate
    raise KeyError(name)


def recall_name(rate: float) -> str:
    """The name of the recall at a false-positive rate: `recall_at_fpr_0.001`."""
    return f"recall_at_fpr_{rate:g}" if rate >= 0.0001 else f"recall_at_fpr_{rate:.10f}".rstrip("0")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows from the riskiest down; `ends` are the last places of each tie, `label` is in that order, and `tie` is the
    number of each row's tie, in row order.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    label: Flags
    tie: NDArray[np.int64]

    def cumulate(self, weight: Numbers) -> tuple[Numbers, Numbers]:
        """Weight of true and of false rows down to each tie's end, (..., ties)."""
        ordered = weight[..., self.order]
        true = np.cumsum(ordered * self.label, axis=-1)[..., self.ends]
        return true, np.cumsum(ordered * ~self.label, axis=-1)[..., self.ends]

    def trace(self, weight: Numbers) -> tuple[Numbers, Numbers]:
        """The same down to the ties that hold a true row, and the last: all that precision and recall need, and few."""
        if not self.ends.size:
            return self.cumulate(weight)
        hits = np.add.reduceat(self.label, np.append(0, self.ends[:-1] + 1), dtype=np.int64) > 0
        hits[-1] = True
        begins = np.append(0, self.ends[hits][:-1] + 1)
        ordered = weight[..., self.order]
        steps = [np.add.reduceat(ordered * side, begins, axis=-1) for side in (self.label, ~self.label)]
        return np.cumsum(steps[0], axis=-1), np.cumsum(steps[1], axis=-1)


def rank(label: Flags, score: Numbers) -> Ranking:
    """Sort rows (n,) by falling score."""
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    ends = np.flatnonzero(np.append(np.diff(falling) != 0, True)) if score.size else np.zeros(0, np.int64)
    tie = np.zeros(score.size, np.int64)
    tie[order] = np.searchsorted(ends, np.arange(score.size))
    return Ranking(order, ends, label[order], tie)


def _over(part: Numbers, whole: Numbers) -> Numbers:
    """Quotient; NaN over nothing."""
    share = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def average_precision(true: Numbers, false: Numbers) -> Numbers:
    """Area under the precision-recall curve by steps (as scikit-learn's `average_precision_score`); NaN
    without true rows.
    """
    if not true.shape[-1]:
        return np.full(true.shape[:-1], np.nan)
    gain = np.diff(true, prepend=0.0, axis=-1)
    precision = np.nan_to_num(_over(true, true + false))
    return _over((gain * precision).sum(axis=-1), true[..., -1])


def average_precision_at(true: Numbers, false: Numbers, base_rate: float) -> Numbers:
    """The same as if the share of true rows were `base_rate`: false rows are reweighted; NaN without either."""
    if not true.shape[-1]:
        return np.full(true.shape[:-1], np.nan)
    odds = (1 - base_rate) / base_rate
    factor = _over(odds * true[..., -1:], false[..., -1:])
    area = average_precision(true, false * np.nan_to_num(factor))
    return np.where(np.isnan(factor[..., 0]), np.nan, area)


def cut_at(false: Numbers, rate: float) -> NDArray[np.int64]:
    """How many ties, from the riskiest down, a threshold takes whose false-positive rate is at most `rate`."""
    within: NDArray[np.int64] = (false <= rate * false[..., -1:] * (1 + 1e-12)).sum(axis=-1)
    return within


def recall_at(true: Numbers, false: Numbers, rate: float) -> Numbers:
    """Largest recall of a threshold whose false-positive rate is at most `rate`; NaN without true or false
    rows.
    """
    if not true.shape[-1]:
        return np.full(true.shape[:-1], np.nan)
    within = cut_at(false, rate)
    hits = np.take_along_axis(true, np.maximum(within - 1, 0)[..., None], axis=-1)[..., 0]
    recall = _over(np.where(within > 0, hits, 0.0), true[..., -1])
    return np.where(false[..., -1] > 0, recall, np.nan)


def brier(label: Flags, risk: Numbers, weight: Numbers) -> Numbers:
    """Weighted mean squared error of the risks."""
    return _over((weight * (risk - label) ** 2).sum(axis=-1), weight.sum(axis=-1))


def calibration_bins(risk: Numbers, bins: int = ECE_BINS) -> NDArray[np.int64]:
    """The bin of each risk (n,), of equal width."""
    return np.minimum((risk * bins).astype(np.int64), bins - 1)


def expected_calibration_error(label: Flags, risk: Numbers, weight: Numbers, bins: int = ECE_BINS) -> Numbers:
    """Mean distance of risk and share of true rows over bins of equal width (Guo et al. 2017)."""
    bin_of = calibration_bins(risk, bins)
    order = np.argsort(bin_of, kind="stable")
    starts = np.flatnonzero(np.diff(bin_of[order], prepend=-1))
    gap = np.add.reduceat((weight * (risk - label))[..., order], starts, axis=-1)
    return _over(np.abs(gap).sum(axis=-1), weight.sum(axis=-1))


def held_out_precision(label: Flags, score: Numbers, weight: Numbers) -> float:
    """Weighted average precision of out-of-fold scores, all folds in one ranking: calibration needs them to
    agree.
    """
    return float(average_precision(*rank(label, score).trace(weight)))


def simplest(values: list[float], tolerance: float = 0.002) -> int:
    """The first place within `tolerance` of the best; values are sorted from simple to rich."""
    return int(np.argmax(np.array(values) >= max(values) - tolerance))


def threshold_at(label: Flags, score: Numbers, rate: float, weight: Numbers | None = None) -> float:
    """A threshold with at most `rate` false positives, half-way between the lowest score it takes and the
    next one below.

    If even the riskiest tie is too much, it lies at the highest score plus nothing: take scores strictly
    above. `weight` (n,) says how much of each row counts; None for all of it.
    """
    ranking = rank(label, score)
    weight = np.ones(score.size) if weight is None else weight
    _, false = ranking.cumulate(weight)
    within = int(np.searchsorted(false, rate * weight[~label].sum() * (1 + 1e-12), side="right"))
    levels = score[ranking.order][ranking.ends]
    if within == 0:
        return float(np.nextafter(levels[0], np.inf))
    if within == levels.size:
        return float(levels[-1])
    middle = (levels[within - 1] + levels[within]) / 2
    return float(middle) if middle > levels[within] else float(levels[within - 1])
