"""The gate before a champion that was made for other features, and so can't be judged again."""

from datetime import UTC, datetime

import pytest

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.review import Review
from training.examples.splits import NOTHING_CONFIRMED
from training.gate.evidence import Evidence
from training.gate.promotion import force, gate

GOOD = {"pr_auc": 0.8, "recall_at_fpr_0.01": 0.7, "recall_at_fpr_0.001": 0.5, "brier": 0.02, "ece": 0.01}


def report(positives: int = 50, notes: tuple[str, ...] = ()) -> Report:
    return Report(
        model="m",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        seed=1,
        test_name="t",
        test_digest="d" * 64,
        notes=notes,
        accounts=1000,
        positives=positives,
        base_rate=positives / 1000,
        estimates=tuple(Estimate(name=n, value=v, low=v - 0.01, high=v + 0.01) for n, v in GOOD.items()),
        slices=(),
        review=Review(threshold=0.5, flagged=1, recall=None, false_positive_rate=None, precision=None),
    )


def remembered(area: float | None) -> Evidence:
    room = None if area is None else 0.01
    gain = Estimate(
        name="pr_auc",
        value=area,
        low=None if area is None or room is None else area - room,
        high=None if area is None or room is None else area + room,
        note="" if area is not None else "too few",
    )
    return Evidence(remembered=(gain,))


def test_a_champion_of_other_features_stands_by_the_risks_that_it_gave() -> None:
    same = gate(report(), None, evidence=remembered(0.0))
    assert same.promote
    assert "made for other features" in same.reasons[0]
    lost = gate(report(), None, evidence=remembered(-0.2))
    assert not lost.promote
    assert "Against the risks that the champion gave when it was trained, it loses 0.200" in lost.reasons[0]


@pytest.mark.parametrize("evidence", [remembered(None), Evidence(remembered=())])
def test_a_champion_of_other_features_that_cannot_be_compared_with_stays(evidence: Evidence) -> None:
    decision = gate(report(), None, evidence=evidence)
    assert not decision.promote
    assert "`promote --force` with a reason" in decision.reasons[0]
    assert force(decision, "both reports were read").promote


def test_a_challenger_without_a_judged_account_does_not_replace_a_champion_of_other_features() -> None:
    unjudged = report(0, (NOTHING_CONFIRMED,))
    assert not gate(unjudged, None, evidence=remembered(0.0)).promote
