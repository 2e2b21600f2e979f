"""One frozen `Report` of a model on a frozen test set: a plain value; printing, plotting and logging happen
elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
from pydantic import ValidationError

from features.catalogue import MODES
from features.errors import IntegrityError
from training.evaluation.costs import Cost, costs
from training.evaluation.detection import Detection, Predict, detect
from training.evaluation.headline import estimates
from training.evaluation.intervals import Draws, draw
from training.evaluation.metrics import ECE_BINS, Estimate, Flags, Numbers, Value, calibration_bins, named
from training.evaluation.review import Review, queue, review
from training.evaluation.slices import CampaignRecall, Codes, Slice, campaigns_of, estimate_slices, recall_campaigns
from training.examples.dataset import DETECTOR_COLUMNS, LIFT, targets
from training.examples.test_set import TestSet

FORMAT = 3
# What the rivals' detectors read is text too; and nobody can say which campaigns would be grouped without a part.
BLANK = {
    name: blank.union(DETECTOR_COLUMNS if blank >= MODES["no text"] else (), (LIFT,) if blank else ())
    for name, blank in MODES.items()
}
READABLE = (1, 2, 3)  # format 1 had no slices, queue, detection and costs
RENAMED = {"figures": "estimates", "groups": "slices"}  # fields of the formats before 3


class Bin(Value):
    """One bin of the reliability table: accounts, their mean risk and the share of them that is true."""

    accounts: int
    risk: float
    true: float


class Report(Value):
    """The judgement of one model on one frozen test set; equal reports are equal values, and JSON gives
    them back.
    """

    format: int = FORMAT
    model: str
    as_of: datetime
    seed: int
    test_name: str
    test_digest: str
    accounts: int
    positives: int
    base_rate: float
    estimates: tuple[Estimate, ...]
    review: Review
    campaigns: tuple[CampaignRecall, ...] = ()
    reliability: tuple[Bin, ...] = ()
    slices: tuple[Slice, ...] = ()
    queue: tuple[Estimate, ...] = ()
    detection: Detection = Detection()
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()

    def estimate(self, name: str) -> Estimate:
        """The figure of that name; `KeyError` if there is none."""
        return named(self.estimates, name)

    def of_kind(self, kind: str) -> tuple[Slice, ...]:
        """The slices of one kind: family, cohort, plan, country, requests or mode."""
        return tuple(test_slice for test_slice in self.slices if test_slice.kind == kind)

    def worst(self, kind: str, name: str) -> Slice | None:
        """The slice of a kind with the lowest recall or PR-AUC, or the highest false-positive rate, called `name`; None
        if none has a value.
        """
        measured = [
            (test_slice.estimate(name).value, test_slice) for test_slice in self.of_kind(kind) if _has(test_slice, name)
        ]
        sign = -1 if name.startswith("false_positive") else 1
        return min(measured, key=lambda pair: sign * (pair[0] or 0.0), default=(None, None))[1]


def _has(test_slice: Slice, name: str) -> bool:
    return any(estimate.name == name and estimate.value is not None for estimate in test_slice.estimates)


def read_report(content: bytes) -> Report:
    """A report from its JSON.

    Raises:
        IntegrityError: it is of a format that this release does not know, or no report at all.
    """
    try:
        plain = json.loads(content)
        version = plain.get("format") if isinstance(plain, dict) else None
        if version not in READABLE:
            raise IntegrityError(f"The report has format {version!r}, expected {FORMAT}: use a matching release.")
        current = content if version == FORMAT else json.dumps(json.loads(content, object_hook=_renamed))
        return Report.model_validate_json(current)
    except (ValueError, ValidationError, RecursionError) as error:
        raise IntegrityError("The report is not as stillwatch writes it: train again.") from error


def _renamed(fields: dict[str, object]) -> dict[str, object]:
    """The fields of an older format under today's names."""
    return {RENAMED.get(name, name): value for name, value in fields.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """How to judge a model.

    Attributes:
        model: its name in the report.
        as_of: the time that it is judged at.
        seed: of the resamples.
        review_threshold: of the model.
        replicates: resamples behind the intervals. 300 settle the ends of a 95 % interval; doubled, they take twice the
            time.
        modes: the features that a provider lacks, by the name of the mode.
    """

    model: str
    as_of: datetime
    seed: int
    review_threshold: float
    replicates: int = 300
    modes: Mapping[str, frozenset[str]] = field(default_factory=lambda: BLANK)


def evaluate(test: TestSet, predict: Predict, request: EvaluationRequest) -> Report:
    """Judge a model; `predict` maps rows of examples to calibrated risks (n,)."""
    label, risk, seed = targets(test.frame), predict(test.frame), request.seed
    names, codes = campaigns_of(test.frame)
    draws = draw(label, codes, request.replicates, seed)
    return Report(
        model=request.model,
        as_of=request.as_of,
        seed=seed,
        test_name=test.name,
        test_digest=test.digest,
        accounts=label.size,
        positives=int(label.sum()),
        base_rate=float(label.mean()),
        estimates=estimates(label, risk, codes, seed=seed, draws=draws),
        review=review(label, risk, request.review_threshold),
        campaigns=recall_campaigns(label, risk, names, codes),
        reliability=_reliability(label, risk),
        slices=(*estimate_slices(test, label, risk, codes, draws), *_modes(test, predict, codes, draws, request)),
        queue=queue(label, risk, draws),
        detection=detect(test, label, risk, predict, draws),
        costs=costs(label, risk, draws),
        notes=test.notes,
    )


def _modes(test: TestSet, predict: Predict, codes: Codes, draws: Draws, request: EvaluationRequest) -> Iterator[Slice]:
    """The whole set again as a provider sees it who lacks texts, infrastructure or both."""
    label = targets(test.frame)
    for name, blank in request.modes.items():
        risk = predict(blanked(test.frame, blank))
        again = estimates(label, risk, codes, seed=request.seed, draws=draws)
        yield Slice(kind="mode", name=name, accounts=label.size, positives=int(label.sum()), estimates=again)


def blanked(frame: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
    """The same rows, with some features unknown."""
    return frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in frame.schema.items() if name in names)


def _reliability(label: Flags, risk: Numbers) -> tuple[Bin, ...]:
    """The bins that the calibration error is made of; empty bins are left out."""
    bins = calibration_bins(risk)
    count = np.bincount(bins, minlength=ECE_BINS)
    total = np.bincount(bins, weights=risk, minlength=ECE_BINS)
    true = np.bincount(bins, weights=label, minlength=ECE_BINS)
    return tuple(
        Bin(accounts=int(n), risk=float(total[i] / n), true=float(true[i] / n)) for i, n in enumerate(count) if n
    )
