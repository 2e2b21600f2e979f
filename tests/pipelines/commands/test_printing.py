"""The message that a whole loop prints, from a plain value."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.build import Built
from pipelines.commands.printing import loop_message
from pipelines.models.champion import GateResult
from pipelines.models.train import TrainedVersion
from pipelines.retrain import Outcome, Retrained
from training.evaluation.drift import Drift, Expectation, Shift
from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.review import Review
from training.gate.evidence import Evidence
from training.gate.promotion import Decision

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
COUNTS = {"train_accounts": 1204, "train_positives": 88, "test_accounts": 401, "test_positives": 31}


def report(strict: float | None) -> Report:
    def estimate(name: str, value: float | None) -> Estimate:
        return Estimate(name=name, value=value, low=value and value - 0.1, high=value and value + 0.1)

    values = {"recall_at_fpr_0.001": strict, "recall_at_fpr_0.01": 0.8, "pr_auc": 0.7, "brier": 0.01, "ece": 0.125}
    return Report(
        model="m",
        as_of=AS_OF,
        seed=1,
        test_name="t",
        test_digest="d",
        accounts=401,
        positives=31,
        base_rate=0.08,
        estimates=tuple(estimate(name, value) for name, value in values.items()),
        review=Review(threshold=0.5, flagged=1, recall=None, false_positive_rate=None, precision=None),
    )


def drift() -> Drift:
    then, now = (Expectation(accounts=9, flagged=1, precision=1, recall=1, pr_auc=area) for area in (0.82, 0.79))
    return Drift((Shift("requests_1d", 0.314, 0.25, 0.02), Shift("b", 0.1, 0.1, 0.02)), then, now)


@pytest.fixture
def promoted() -> Retrained:
    """A second version that took the champion's place."""
    gate = GateResult(
        version=2,
        decision=Decision(True, ("Not worse.",)),
        report=report(0.5),
        champion=report(0.4),
        before=1,
        evidence=Evidence(),
    )
    return Retrained(
        as_of=AS_OF,
        outcome=Outcome.PROMOTED,
        reasons=("Not worse.",),
        before=1,
        champion=2,
        built=Built(1605, {"events": 12000}, online=True),
        drift=drift(),
        moved=1,
        fitted=TrainedVersion(
            version=2,
            is_new=True,
            reports={},
            counts=COUNTS,
            later={"events": 12000, "labels": 3, "releases": 0},
        ),
        gate=gate,
        bento=Path("w/bento/stillwatch/2-abc"),
    )


def test_a_promotion_reads_like_a_message_of_a_colleague(promoted: Retrained) -> None:
    assert loop_message(promoted) == [
        "Version 2 was trained as of 2026-06-01T00:00:00Z and is the champion now. It was trained on 1,204 accounts "
        "(88 in campaigns), judged on 401 others (31 in campaigns held out of training).",
        "Recall on campaigns held out of training, at a false-positive rate of 0.1 %: 0.500 [0.400, 0.600] (version 1: "
        "0.400 [0.300, 0.500]). PR-AUC: 0.700 [0.600, 0.800] (version 1: 0.700 [0.600, 0.800]). Calibration error: "
        "0.125 [0.025, 0.225] (version 1: 0.125 [0.025, 0.225]). Brackets hold 95 % intervals.",
        "Since version 1 was trained, 1 of 2 features have moved (the furthest: requests_1d, PSI 0.31). By its own "
        "risks, its PR-AUC was 0.82 then and would be 0.79 today.",
        "Left out, since it became known later: 12,000 requests, 3 labels.",
        "packaged: w/bento/stillwatch/2-abc",
        "Next: nothing; a running `stillwatch serve` takes the new champion up by itself. To undo this, "
        "`stillwatch rollback` restores version 1.",
    ]


def test_a_version_that_was_not_promoted_comes_with_the_reasons_and_the_way_past_the_gate(promoted: Retrained) -> None:
    held_back = replace(promoted, outcome=Outcome.NOT_PROMOTED, champion=1, reasons=("Worse.", "Slower."))
    lines = loop_message(held_back)
    assert "but was not promoted; version 1 stays the champion." in lines[0]
    assert lines[0].endswith("Why not: Worse. Slower.")
    assert "`stillwatch promote --version 2 --force --reason TEXT`" in lines[-1]


def test_refused_data_are_named_and_nothing_else_is_said(promoted: Retrained) -> None:
    refused = Retrained(AS_OF, objections=("The newest request is old.",), before=1, champion=1)
    assert loop_message(refused) == [
        "Nothing was trained as of 2026-06-01T00:00:00Z, and version 1 stays the champion. The newest request is old.",
        "Next: check whether the logs are complete (`stillwatch ingest` prints what it read). If the change is real, "
        "run the same command with --force --reason TEXT.",
    ]
    assert "and there is no champion yet." in loop_message(replace(refused, before=None, champion=None))[0]


def test_what_was_forced_says_why_and_over_what(promoted: Retrained) -> None:
    forced = replace(promoted, objections=("The newest request is old.",), forced="a holiday")
    line = "Forced in spite of objections to the data (a holiday): The newest request is old."
    assert line in loop_message(forced)[0]


def test_the_same_again_is_named_as_such(promoted: Retrained) -> None:
    assert promoted.fitted is not None
    again = replace(promoted, before=2, gate=None, fitted=replace(promoted.fitted, is_new=False))
    lines = loop_message(again)
    assert lines[0].startswith("Version 2 had been trained as of 2026-06-01T00:00:00Z and is the champion already.")
    assert not [line for line in lines if line.startswith("Next")]


def test_a_small_test_set_is_judged_at_one_per_cent_and_says_so(promoted: Retrained) -> None:
    assert promoted.gate is not None
    small = replace(promoted, gate=replace(promoted.gate, report=report(None)))
    line = loop_message(small)[1]
    assert line.startswith("Recall on campaigns held out of training, at a false-positive rate of 1 %: 0.800")
    assert line.endswith("The test set is too small for a false-positive rate of 0.1 %.")


def test_a_first_version_is_compared_with_nobody(promoted: Retrained) -> None:
    assert promoted.gate is not None
    gate = replace(promoted.gate, champion=None, before=None)
    lines = " ".join(loop_message(replace(promoted, before=None, drift=None, gate=gate)))
    assert "(version" not in lines
    assert "can't be compared" not in lines
    assert "rollback" not in lines


def test_where_nothing_could_be_judged_that_is_said_instead_of_figures(promoted: Retrained) -> None:
    assert promoted.gate is not None
    gate = replace(promoted.gate, report=report(None).model_copy(update={"positives": 0}), champion=None)
    first = replace(promoted, before=None, drift=None, gate=gate)
    assert loop_message(first)[1] == "Not worse."
    assert "Recall" not in " ".join(loop_message(first))


def test_a_champion_of_other_features_is_said_to_be_incomparable(promoted: Retrained) -> None:
    assert promoted.gate is not None
    other = replace(promoted, gate=replace(promoted.gate, champion=None))
    assert "Version 1 reads other features, so the two can't be compared." in loop_message(other)
