"""The message of a whole loop, from a plain value."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.build import Built
from pipelines.commands.printing import message
from pipelines.models.champion import GateResult
from pipelines.models.train import Fitted
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
    judged = GateResult(2, Decision(True, ("Not worse.",)), report(0.5), report(0.4), 1, Evidence())
    return Retrained(
        as_of=AS_OF,
        outcome=Outcome.PROMOTED,
        reasons=("Not worse.",),
        before=1,
        champion=2,
        built=Built(1605, {"events": 12000}, online=True),
        drift=drift(),
        moved=1,
        fitted=Fitted(2, True, {}, COUNTS, {"events": 12000, "labels": 3, "releases": 0}),
        judged=judged,
        bento=Path("w/bento/stillwatch/2-abc"),
    )


def test_a_promotion_reads_like_a_message_of_a_colleague(promoted: Retrained) -> None:
    assert message(promoted) == [
        "Version 2 was trained as of 2026-06-01T00:00:00Z and is the champion now. It learned from 1,204 accounts (88 "
        "in campaigns), judged on 401 others (31 in campaigns never seen).",
        "Of the accounts of campaigns that it had never seen it finds 0.500 [0.400, 0.600] (version 1: 0.400 [0.300, "
        "0.500]) at 0.1 % false alarms; its PR-AUC is 0.700 [0.600, 0.800] (version 1: 0.700 [0.600, 0.800]), its "
        "calibration error 0.125 [0.025, 0.225] (version 1: 0.125 [0.025, 0.225]); 95 % intervals in brackets.",
        "Since version 1 learned, 1 of 2 features have moved (the furthest: requests_1d, PSI 0.31); going by its own "
        "risks, its PR-AUC should be 0.79 today, 0.82 then.",
        "Left out, since it became known later: 12,000 requests, 3 labels.",
        "packaged: w/bento/stillwatch/2-abc",
        "Next: restart `stillwatch serve`, which goes on with the model it was started with. If it disappoints, "
        "`stillwatch rollback` puts version 1 back.",
    ]


def test_a_version_that_was_not_promoted_comes_with_the_reasons_and_the_way_past_the_gate(promoted: Retrained) -> None:
    kept = replace(promoted, outcome=Outcome.KEPT, champion=1, reasons=("Worse.", "Slower."))
    told = message(kept)
    assert "but was not promoted; version 1 stays the champion." in told[0]
    assert told[0].endswith("Why not: Worse. Slower.")
    assert "`stillwatch promote --version 2 --force --reason TEXT`" in told[-1]


def test_refused_data_are_named_and_nothing_else_is_told(promoted: Retrained) -> None:
    refused = Retrained(AS_OF, objections=("The newest request is old.",), before=1, champion=1)
    assert message(refused) == [
        "Nothing was trained as of 2026-06-01T00:00:00Z, and version 1 stays the champion. The newest request is old.",
        "Next: see whether the logs came in whole (`stillwatch ingest` says what it read). If the change is real, call "
        "the same again with --force --reason TEXT.",
    ]
    assert "and there is no champion yet." in message(replace(refused, before=None, champion=None))[0]


def test_what_was_forced_says_why_and_over_what(promoted: Retrained) -> None:
    forced = replace(promoted, objections=("The newest request is old.",), forced="a holiday")
    assert "learned from all the same (a holiday): The newest request is old." in message(forced)[0]


def test_the_same_again_is_told_as_such(promoted: Retrained) -> None:
    assert promoted.fitted is not None
    again = replace(promoted, before=2, judged=None, fitted=replace(promoted.fitted, is_new=False))
    told = message(again)
    assert told[0].startswith("Version 2 had been trained as of 2026-06-01T00:00:00Z and is the champion already.")
    assert not [line for line in told if line.startswith("Next")]


def test_a_small_test_set_is_judged_at_one_per_cent_and_says_so(promoted: Retrained) -> None:
    assert promoted.judged is not None
    small = replace(promoted, judged=replace(promoted.judged, report=report(None)))
    assert "at 1 % false alarms, since the test set is too small for 0.1 %" in message(small)[1]


def test_a_first_version_is_compared_with_nobody(promoted: Retrained) -> None:
    assert promoted.judged is not None
    judged = replace(promoted.judged, champion=None, before=None)
    told = " ".join(message(replace(promoted, before=None, drift=None, judged=judged)))
    assert "(version" not in told
    assert "can't be compared" not in told
    assert "rollback" not in told


def test_where_nothing_could_be_judged_that_is_said_instead_of_figures(promoted: Retrained) -> None:
    assert promoted.judged is not None
    judged = replace(promoted.judged, report=report(None).model_copy(update={"positives": 0}), champion=None)
    first = replace(promoted, before=None, drift=None, judged=judged)
    assert message(first)[1] == "Not worse."
    assert "false alarms" not in " ".join(message(first))


def test_a_champion_of_other_features_is_said_to_be_incomparable(promoted: Retrained) -> None:
    assert promoted.judged is not None
    other = replace(promoted, judged=replace(promoted.judged, champion=None))
    assert "Version 1 reads other features, so the two can't be compared." in message(other)
