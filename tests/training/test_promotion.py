"""The gate."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.evaluate import Report, Review
from training.metrics import Figure
from training.promotion import FALLING, GUARDED, Limits, gate

NAMES = ("pr_auc", "recall_at_fpr_0.01", "recall_at_fpr_0.001", "brier", "ece")
GOOD = {"pr_auc": 0.8, "recall_at_fpr_0.01": 0.7, "recall_at_fpr_0.001": 0.5, "brier": 0.02, "ece": 0.01}


def report(values: dict[str, float | None], room: float = 0.05, digest: str = "d" * 64) -> Report:
    def figure(name: str, value: float | None) -> Figure:
        if value is None:
            return Figure(name=name, value=None)
        return Figure(name=name, value=value, low=max(value - room, 0), high=min(value + room, 1))

    return Report(
        model="m",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        seed=1,
        test_name="t",
        test_digest=digest,
        accounts=1000,
        positives=50,
        base_rate=0.05,
        figures=tuple(figure(name, value) for name, value in values.items()),
        review=Review(threshold=0.5, flagged=1, recall=None, false_positive_rate=None, precision=None),
    )


def worse(value: float, by: float, name: str) -> float:
    return value + by * (1 - value) if name in FALLING else value * (1 - by)


values = st.fixed_dictionaries({name: st.floats(0.01, 0.99) for name in NAMES})
drops = st.fixed_dictionaries({name: st.floats(0.0, 0.9) for name in NAMES})


@given(values, drops, st.floats(0, 0.3), st.sets(st.sampled_from(NAMES)))
def test_a_strictly_worse_report_is_never_promoted(champion, drop, room: float, blank: set[str]) -> None:
    challenger = {name: worse(value, drop[name], name) for name, value in champion.items()}
    assume(any(challenger[n] != champion[n] for n in NAMES if n not in blank))
    left = [{n: None if n in blank else v for n, v in r.items()} for r in (challenger, champion)]
    assert not gate(report(left[0], room), report(left[1], room)).promote


@given(values, values, st.floats(0, 0.3))
def test_nothing_promoted_is_worse_beyond_the_interval_on_a_guarded_figure(one, other, room: float) -> None:
    challenger, champion = report(one, room), report(other, room)
    if gate(challenger, champion).promote:
        for name in GUARDED:
            ours, theirs = challenger.figure(name), champion.figure(name)
            assert ours.value <= theirs.high if name in FALLING else ours.value >= theirs.low


@given(values, values)
def test_of_two_reports_at_most_one_may_replace_the_other_when_intervals_are_points(one, other) -> None:
    assume(one != other)
    first, second = report(one, 0.0), report(other, 0.0)
    assert not (gate(first, second).promote and gate(second, first).promote)


def test_a_good_first_champion_is_promoted() -> None:
    assert gate(report(GOOD), None).promote


def test_an_equal_report_is_promoted_since_it_knows_newer_data() -> None:
    decision = gate(report(GOOD), report(GOOD))
    assert decision.promote
    assert decision.reasons[0].startswith("Not worse than the champion on recall_at_fpr_0.001")


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"pr_auc": 0.06}, "PR-AUC 0.060 is below 2 times the base rate"),
        ({"ece": 0.3}, "calibration error 0.3000 is above the limit 0.15"),
        ({"pr_auc": None}, "nothing to judge by"),
    ],
)
def test_a_first_champion_must_beat_chance_and_be_calibrated(change: dict, reason: str) -> None:
    decision = gate(report(GOOD | change), None)
    assert not decision.promote
    assert reason in " ".join(decision.reasons)


def test_reports_on_different_test_sets_are_not_compared() -> None:
    decision = gate(report(GOOD), report(GOOD, digest="e" * 64))
    assert not decision.promote
    assert "judge the champion on the challenger's test set" in decision.reasons[0]


def test_reports_without_a_common_ranking_figure_are_not_compared() -> None:
    blank = GOOD | {"pr_auc": None, "recall_at_fpr_0.01": None, "recall_at_fpr_0.001": None}
    decision = gate(report(GOOD), report(blank))
    assert decision.reasons == (
        "No ranking figure has a value in both reports: the test set is too small to compare on.",
    )


def test_a_loss_beyond_the_interval_is_named_with_both_values() -> None:
    decision = gate(report(GOOD | {"recall_at_fpr_0.001": 0.4, "pr_auc": 0.9}), report(GOOD))
    assert decision.reasons == (
        "recall_at_fpr_0.001 is 0.4000 against the champion's 0.5000, worse beyond the interval.",
    )


def test_a_loss_within_the_interval_is_borne_for_a_gain_elsewhere() -> None:
    assert gate(report(GOOD | {"recall_at_fpr_0.01": 0.68, "pr_auc": 0.82}), report(GOOD)).promote


def test_the_limits_are_arguments() -> None:
    assert not gate(report(GOOD, room=0.001), None, Limits(ece=0.005)).promote


def test_a_calibration_error_that_may_be_chance_is_borne() -> None:
    assert gate(report(GOOD | {"ece": 0.17}, room=0.05), None).promote
    assert not gate(report(GOOD | {"ece": 0.17}, room=0.01), None).promote
