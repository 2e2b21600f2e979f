"""One frozen `Report` of a model on a frozen test set: a plain value; printing, plotting and logging happen
elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import polars as pl
from pydantic import ValidationError

from features.catalogue import MODES
from features.errors import IntegrityError
from training.evaluation.costs import Cost, costs
from training.evaluation.detection import Detection, Predict, detect
from training.evaluation.headline import figures
from training.evaluation.intervals import Draws, draw
from training.evaluation.metrics import ECE_BINS, Figure, Flags, Numbers, Value, calibration_bins, named
from training.evaluation.review import Review, queue, review
from training.evaluation.slices import Codes, Found, Group, campaigns_of, found, judge_groups
from training.examples.dataset import DETECTED, GROUPED, targets
from training.examples.test_set import Frozen

FORMAT = 2
# What the rivals' detectors read is text too; and which campaigns would be found without a part is not known.
BLANK = {
    name: blank.union(DETECTED if blank >= MODES["no text"] else (), (GROUPED,) if blank else ())
    for name, blank in MODES.items()
}
READABLE = (1, 2)  # format 1 had no groups, queue, detection and costs


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
    figures: tuple[Figure, ...]
    review: Review
    campaigns: tuple[Found, ...] = ()
    reliability: tuple[Bin, ...] = ()
    groups: tuple[Group, ...] = ()
    queue: tuple[Figure, ...] = ()
    detection: Detection = Detection()
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure:
        """The figure of that name; `KeyError` if there is none."""
        return named(self.figures, name)

    def group(self, kind: str, name: str) -> Group:
        """The group of that kind and name; `KeyError` if there is none."""
        for group in self.of_kind(kind):
            if group.name == name:
                return group
        raise KeyError(name)

    def of_kind(self, kind: str) -> tuple[Group, ...]:
        """The groups of one kind: family, cohort, plan, country, requests or mode."""
        return tuple(group for group in self.groups if group.kind == kind)

    def worst(self, kind: str, name: str) -> Group | None:
        """The group of a kind with the lowest recall or PR-AUC, or the highest false-positive rate, called `name`; None
        if none has a value.
        """
        known = [(group.figure(name).value, group) for group in self.of_kind(kind) if _has(group, name)]
        sign = -1 if name.startswith("false_positive") else 1
        return min(known, key=lambda one: sign * (one[0] or 0.0), default=(None, None))[1]


def _has(group: Group, name: str) -> bool:
    return any(figure.name == name and figure.value is not None for figure in group.figures)


def read_report(content: bytes) -> Report:
    """A report from its JSON.

    Raises:
        IntegrityError: it is of a format that this release does not know, or no report at all.
    """
    try:
        plain = json.loads(content)
        found = plain.get("format") if isinstance(plain, dict) else None
        if found not in READABLE:
            raise IntegrityError(f"The report has format {found!r}, expected {FORMAT}: use a matching release.")
        return Report.model_validate_json(content)
    except (ValueError, ValidationError, RecursionError) as error:
        raise IntegrityError("The report is not as stillwatch writes it: train again.") from error


def evaluate(
    test: Frozen,
    predict: Predict,
    *,
    model: str,
    as_of: datetime,
    seed: int,
    review_threshold: float,
    replicates: int = 300,
    modes: Mapping[str, frozenset[str]] = BLANK,
) -> Report:
    """Judge a model; `predict` maps rows of examples to calibrated risks (n,)."""
    label, risk = targets(test.frame), predict(test.frame)
    names, codes = campaigns_of(test.frame)
    draws = draw(label, codes, replicates, seed)
    groups = judge_groups(test, label, risk, codes, draws)
    return Report(
        model=model,
        as_of=as_of,
        seed=seed,
        test_name=test.name,
        test_digest=test.digest,
        accounts=label.size,
        positives=int(label.sum()),
        base_rate=float(label.mean()),
        figures=figures(label, risk, codes, seed=seed, draws=draws),
        review=review(label, risk, review_threshold),
        campaigns=found(label, risk, names, codes),
        reliability=_reliability(label, risk),
        groups=(*groups, *_modes(test, label, predict, codes, draws, seed, modes)),
        queue=queue(label, risk, draws),
        detection=detect(test, label, risk, predict, draws),
        costs=costs(label, risk, draws),
        notes=test.notes,
    )


def _modes(
    test: Frozen,
    label: Flags,
    predict: Predict,
    codes: Codes,
    draws: Draws,
    seed: int,
    modes: Mapping[str, frozenset[str]],
) -> Iterator[Group]:
    """The whole set again as a provider sees it who lacks texts, infrastructure or both."""
    for name, blank in modes.items():
        risk = predict(blanked(test.frame, blank))
        again = figures(label, risk, codes, seed=seed, draws=draws)
        yield Group(kind="mode", name=name, accounts=label.size, positives=int(label.sum()), figures=again)


def blanked(frame: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
    """The same rows, with some features unknown."""
    return frame.with_columns(pl.lit(None, frame.schema[name]).alias(name) for name in frame.columns if name in names)


def _reliability(label: Flags, risk: Numbers) -> tuple[Bin, ...]:
    """The bins that the calibration error is made of; empty bins are left out."""
    place = calibration_bins(risk)
    count = np.bincount(place, minlength=ECE_BINS)
    total = np.bincount(place, weights=risk, minlength=ECE_BINS)
    true = np.bincount(place, weights=label, minlength=ECE_BINS)
    return tuple(
        Bin(accounts=int(n), risk=float(total[i] / n), true=float(true[i] / n)) for i, n in enumerate(count) if n
    )
