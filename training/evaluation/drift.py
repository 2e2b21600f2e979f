"""Has the world moved since a model learned? Histograms of then and now, and what a model expects of itself.

Two questions, both answered without a label. *Do the accounts look as they did?* For every feature the population
stability index (PSI) and the Jensen-Shannon distance between the accounts that the model learned from and today's, over
quantile bins of then and one bin for "unknown". *Does the model still tell them apart?* If risks are calibrated, the
risks alone say how many of the flagged accounts are true: confidence-based performance estimation (CBPE; Kivimäki,
Białek, Kuberski and Nurminen 2025, arXiv 2505.05295). It cannot see what the model is wrongly sure of, such as a family
that nobody has confirmed.

A PSI of 0.25 is the field's "major shift", but two samples of one population have a PSI too, about chi-squared with one
degree of freedom less than bins, times 1/n + 1/m (Yurdakul 2018): a shift counts above both.

A provider whose logs began a week ago has windows of 28 days that hold a week. A week later they hold two, and nearly
every feature has moved, though no account behaves otherwise. Of such features only the unknown values are compared,
which a broken export makes more and a longer history fewer.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtri, rel_entr

from features.catalogue.feature import Feature
from training.evaluation.metrics import Numbers, Value, average_precision, rank
from training.examples.dataset import matrix

FORMAT = 1
BINS = 10  # of equal counts, as is usual for a PSI, so that the usual limit of 0.25 holds
ROOM = 0.01  # of the range of a feature, on both sides of a common value; assumed, other widths were not measured
SURE = 0.999  # a feature moved where its PSI is above what this share of unmoved samples shows; assumed
HALF = 0.5  # of an account, added to every bin of both sides, so that an empty one does not make a PSI infinite


class Histogram(Value):
    """Accounts by the value of one feature: bins `(edges[i - 1], edges[i]]`, open at both ends, then one for null."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Expectation(Value):
    """What a model expects of its own figures at its review threshold, taking its risks at their word."""

    accounts: int
    flagged: int
    precision: float | None
    recall: float | None
    pr_auc: float | None


class Reference(Value):
    """The accounts that a model learned from, as plain numbers, and what it expected on its test set.

    Attributes:
        history_days: from the first request to the time that the model learned as of; None where nobody noted it.
    """

    format: int = FORMAT
    schema_version: str
    accounts: int
    history_days: float | None = None
    histograms: tuple[Histogram, ...]
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one feature has moved; `chance` is what PSI would reach in one of 1,000 samples that did not move."""

    name: str
    psi: float
    distance: float
    chance: float


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """Above which data count as drifted.

    Attributes:
        psi: of one feature, above which it may have moved.
        distance: Jensen-Shannon, likewise (0.2 is about a PSI of 0.25); both must be above. PSI alone overrates bins
            that were nearly empty.
        share: of moved features, above which the data have drifted.
        loss: of expected PR-AUC since the training, above which the model no longer tells accounts apart.
    """

    psi: float = 0.25
    distance: float = 0.2
    share: float = 0.15
    loss: float = 0.1


@dataclass(frozen=True, slots=True)
class Drift:
    """What was measured.

    Attributes:
        shifts: all features, the one that moved most first.
        then: what the model expected of itself.
        now: what it expects today.
        filling: features of which only unknown values were compared, see `filling_features`.
    """

    shifts: tuple[Shift, ...]
    then: Expectation
    now: Expectation
    filling: int = 0

    def moved(self, limits: DriftLimits) -> tuple[Shift, ...]:
        """The features that moved beyond the limits and beyond chance."""
        return tuple(s for s in self.shifts if s.psi > max(limits.psi, s.chance) and s.distance > limits.distance)


def make_reference(
    accounts: pl.DataFrame,
    features: Sequence[str],
    *,
    schema_version: str,
    expected: Expectation,
    history: timedelta | None = None,
) -> Reference:
    """What is kept with a model; `accounts` holds one row per account (null or NaN = unknown)."""
    values = matrix(accounts, features).astype(np.float64)
    return Reference(
        schema_version=schema_version,
        accounts=accounts.height,
        history_days=None if history is None else history / timedelta(days=1),
        histograms=tuple(_histogram(name, values[:, i]) for i, name in enumerate(features)),
        expected=expected,
    )


def filling_features(then: Reference, history: timedelta, features: Iterable[Feature]) -> frozenset[str]:
    """The features whose windows hold a longer history today than they could hold then.

    Args:
        then: what is compared with.
        history: from the first request until now.
        features: of the catalogue.
    """
    if then.history_days is None:
        return frozenset()
    before = timedelta(days=then.history_days)
    return frozenset(feature.name for feature in features if feature.is_filling(before, history))


def measure_drift(then: Reference, accounts: pl.DataFrame, now: Expectation, *, filling: Collection[str] = ()) -> Drift:
    """Compare today's accounts (one row each, with the reference's features) with those of then.

    Args:
        then: what is kept with the model.
        accounts: of today.
        now: what the model expects of itself on them.
        filling: features of which only unknown values are compared (`filling_features`).
    """
    values = matrix(accounts, [histogram.name for histogram in then.histograms]).astype(np.float64)
    shifts = [
        _shift(histogram, values[:, i], is_filling=histogram.name in filling)
        for i, histogram in enumerate(then.histograms)
    ]
    return Drift(tuple(sorted(shifts, key=lambda shift: (-shift.psi, shift.name))), then.expected, now, len(filling))


def expect(risk: Numbers, threshold: float) -> Expectation:
    """CBPE: calibrated risks (n,) are the chance of each account to be true, so their sums stand for counts."""
    flagged = risk >= threshold
    hits, everyone = float(risk[flagged].sum()), float(risk.sum())
    ranking = rank(np.ones(risk.size, dtype=np.bool_), risk)
    true, false = (ranking.cumulate(weight)[0] for weight in (risk, 1 - risk))
    return Expectation(
        accounts=risk.size,
        flagged=int(flagged.sum()),
        precision=hits / int(flagged.sum()) if flagged.any() else None,
        recall=hits / everyone if everyone > 0 else None,
        pr_auc=float(average_precision(true, false)) if everyone > 0 else None,
    )


def objections(drift: Drift, limits: DriftLimits) -> Iterator[str]:
    """Why one should look at the data before one learns from them; nothing if they are as they were."""
    moved, all_of_them = drift.moved(limits), len(drift.shifts)
    if len(moved) > limits.share * all_of_them:
        worst = ", ".join(f"{shift.name} (PSI {shift.psi:.2f})" for shift in moved[:3])
        yield (
            f"{len(moved)} of {all_of_them} features have moved since the champion learned, more than "
            f"{limits.share:.0%}; the furthest: {worst}."
        )
    then, now = drift.then.pr_auc, drift.now.pr_auc
    if then is not None and now is not None and then - now > limits.loss:
        yield (
            f"By its own risks the champion expects a PR-AUC of {now:.2f} on today's accounts, {then:.2f} on its test "
            f"set: a loss above {limits.loss:g}."
        )


def _histogram(name: str, values: Numbers) -> Histogram:
    finite = values[np.isfinite(values)]
    edges = _edges(finite) if finite.size else np.zeros(0)
    return Histogram(name=name, edges=tuple(edges.tolist()), counts=tuple(_count(values, edges).tolist()))


def _edges(values: Numbers) -> Numbers:
    """Inner quantiles; a value that fills several of them gets a bin of its own.

    It has a little room on both sides, since a feature that is relative to all accounts (a rank, a ratio to the mean)
    moves a little for everybody every day.
    """
    quantiles = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    edges, times = np.unique(quantiles, return_counts=True)
    common = edges[times > 1]
    room = ROOM * max(float(np.ptp(values)), float(np.abs(common).max(initial=0.0)))
    return np.unique(np.concatenate([edges[times == 1], common - room, common + room]))


def _count(values: Numbers, edges: Numbers) -> NDArray[np.int64]:
    """Accounts in each bin, unknown values last."""
    bin_of = np.where(np.isnan(values), edges.size + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(bin_of, minlength=edges.size + 2)


def _shift(then: Histogram, values: Numbers, *, is_filling: bool = False) -> Shift:
    before, after = np.array(then.counts), _count(values, np.array(then.edges))
    if is_filling:
        before, after = (np.array([counts[:-1].sum(), counts[-1]]) for counts in (before, after))
        if after[-1] * before.sum() <= before[-1] * after.sum():  # no greater share is unknown
            after = before
    chance = chdtri(before.size - 1, 1 - SURE) * (1 / max(before.sum(), 1) + 1 / max(after.sum(), 1))
    return Shift(then.name, psi(before, after), distance(before, after), float(chance))


def psi(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """Population stability index of two counts over the same bins."""
    p, q = ((counts + HALF) / (counts.sum() + HALF * counts.size) for counts in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def distance(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """Jensen-Shannon distance of two counts over the same bins, in [0, 1]: root of the divergence in bits."""
    p, q = (counts / max(counts.sum(), 1) for counts in (before, after))
    middle = (p + q) / 2
    nats = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    return float(np.sqrt(max(nats, 0.0) / np.log(2)))
