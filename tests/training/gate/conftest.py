"""Reports around a good one, for the gate."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.review import Review
from training.evaluation.slices import Slice

GOOD = {"pr_auc": 0.8, "recall_at_fpr_0.01": 0.7, "recall_at_fpr_0.001": 0.5, "brier": 0.02, "ece": 0.01}
MakeReport = Callable[..., Report]
MakeSlices = Callable[..., tuple[Slice, ...]]


def make_estimate(name: str, value: float | None, room: float) -> Estimate:
    """A share with an interval of `room` on both sides."""
    if value is None:
        return Estimate(name=name, value=None, note="too few")
    return Estimate(name=name, value=value, low=max(value - room, 0), high=min(value + room, 1))


def make_report(
    changes: Mapping[str, float | None] | None = None,
    room: float = 0.05,
    *,
    digest: str = "d" * 64,
    slices: tuple[Slice, ...] = (),
    positives: int = 50,
    notes: tuple[str, ...] = (),
) -> Report:
    """A report of good figures, but for the changes."""
    figures = GOOD | dict(changes or {})
    return Report(
        model="m",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        seed=1,
        test_name="t",
        test_digest=digest,
        accounts=1000,
        positives=positives,
        base_rate=positives / 1000,
        estimates=tuple(make_estimate(name, value, room) for name, value in figures.items()),
        slices=slices,
        review=Review(threshold=0.5, flagged=1, recall=None, false_positive_rate=None, precision=None),
        notes=notes,
    )


def make_slices(kind: str, figure: str, values: Mapping[str, float | None], room: float = 0.05) -> tuple[Slice, ...]:
    """Slices of one kind with one figure each."""
    return tuple(
        Slice(kind=kind, name=name, accounts=50, positives=20, estimates=(make_estimate(figure, value, room),))
        for name, value in values.items()
    )


@pytest.fixture(scope="session")
def report() -> MakeReport:
    """The maker of reports."""
    return make_report


@pytest.fixture(scope="session")
def slices() -> MakeSlices:
    """The maker of slices."""
    return make_slices
