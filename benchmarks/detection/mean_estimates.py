"""Mean estimates of a model over several families, each judged alone among the honest accounts, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import with_interval
from training.evaluation.metrics import (
    Estimate,
    average_precision,
    expected_calibration_error,
    rank,
    recall_at,
    recall_name,
)

RATES, STRICTEST = (0.01, 0.001), 0.0001
ESTIMATE_NAMES = ("pr_auc", *map(recall_name, RATES), "ece", recall_name(STRICTEST))
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class FamilyRisks:
    """One family's accounts among the honest ones, and every model's risks of them, in one order."""

    family: str
    label: NDArray[np.bool_]
    risks: dict[str, Numbers]

    def values(self, name: str) -> dict[str, float]:
        """A model's estimates for this family, by name; ties never help."""
        weight = np.ones(self.label.size)
        return dict(zip(ESTIMATE_NAMES, map(float, _measure(self.label, self.risks[name], weight)), strict=True))


def mean_estimates(judged: Sequence[FamilyRisks], name: str, seed: int, replicates: int = 300) -> dict[str, Estimate]:
    """Means of a model over families with 95 % intervals: families are drawn, and within each its accounts.

    The honest accounts are the same for all families, so a draw of them is too: their chance does not average out.
    """
    points, means = _means(judged, name, seed, replicates)
    return {
        estimate: with_interval(estimate, float(points[i]), means[:, i]) for i, estimate in enumerate(ESTIMATE_NAMES)
    }


def mean_differences(
    judged: Sequence[FamilyRisks], name: str, other: str, seed: int, replicates: int = 300
) -> dict[str, Estimate]:
    """How much higher a model's means are than another's over the very same draws."""
    ours, theirs = (_means(judged, model, seed, replicates) for model in (name, other))
    points, means = ours[0] - theirs[0], ours[1] - theirs[1]
    return {
        estimate: with_interval(estimate, float(points[i]), means[:, i]) for i, estimate in enumerate(ESTIMATE_NAMES)
    }


def _means(judged: Sequence[FamilyRisks], name: str, seed: int, replicates: int) -> tuple[Numbers, Numbers]:
    """The means (estimates,) and those of the draws (R, estimates), which are the same for every model."""
    rng = np.random.default_rng(seed)
    points = np.array([list(risks.values(name).values()) for risks in judged])
    weights = (_resamples(risks.label, rng, np.random.default_rng([seed, 1]), replicates) for risks in judged)
    drawn = np.array([_measure(risks.label, risks.risks[name], w) for risks, w in zip(judged, weights, strict=True)])
    chosen = rng.integers(0, len(judged), (replicates, len(judged)))
    return points.mean(axis=0), drawn[chosen, np.arange(replicates)[:, None]].mean(axis=1)


def format_estimate(estimate: Estimate) -> str:
    """`0.512 [0.431, 0.600]`."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _resamples(
    label: NDArray[np.bool_], true: np.random.Generator, honest: np.random.Generator, replicates: int
) -> Numbers:
    """Weights (R, n) of rows drawn with replacement, true and honest ones apart, so that the base rate stays."""
    weight = np.zeros((replicates, label.size))
    for side, rng in ((label, true), (~label, honest)):
        count = int(side.sum())
        weight[:, side] = rng.multinomial(count, np.full(count, 1 / count), size=replicates)
    return weight


def _measure(label: NDArray[np.bool_], risk: Numbers, weight: Numbers) -> Numbers:
    """All estimates, (..., estimates)."""
    true, false = rank(label, risk).cumulate(weight)
    recalls = [recall_at(true, false, rate) for rate in RATES]
    error = expected_calibration_error(label, risk, weight)
    return np.stack([average_precision(true, false), *recalls, error, recall_at(true, false, STRICTEST)], axis=-1)


def describe_families(judged: Sequence[FamilyRisks]) -> str:
    """One sentence on how many families and accounts were judged."""
    honest, members = int((~judged[0].label).sum()), sum(int(risks.label.sum()) for risks in judged)
    return f"{len(judged)} families, {members} accounts of theirs, each family among {honest:,} honest accounts."
