"""The gate."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.review import Review
from training.evaluation.slices import Slice
from training.examples.splits import NOTHING_CONFIRMED
from training.gate.evidence import Evidence, Footprint, GateLimits
from training.gate.promotion import FALLING, GUARDED, UNJUDGED, Decision, force, gate

ALARMS = "false_positive_rate_at_fpr_0.01"
NAMES = ("pr_auc", "recall_at_fpr_0.01", "recall_at_fpr_0.001", "brier", "ece")
GOOD = {"pr_auc": 0.8, "recall_at_fpr_0.01": 0.7, "recall_at_fpr_0.001": 0.5, "brier": 0.02, "ece": 0.01}


def estimate(name: str, value: float | None, room: float) -> Estimate:
    if value is None:
        return Estimate(name=name, value=None, note="too few")
    return Estimate(name=name, value=value, low=max(value - room, 0), high=min(value + room, 1))


def slices(kind: str, name: str, values: dict[str, float | None], room: float = 0.05) -> tuple[Slice, ...]:
    told = {part: (estimate(name, value, room),) for part, value in values.items()}
    return tuple(Slice(kind=kind, name=part, accounts=50, positives=20, estimates=f) for part, f in told.items())


def report(
    values: dict[str, float | None], room: float = 0.05, digest: str = "d" * 64, parts: tuple[Slice, ...] = ()
) -> Report:
    return Report(
        model="m",
        as_of=datetime(2026, 6, 1, tzinfo=UTC),
        seed=1,
        test_name="t",
        test_digest=digest,
        accounts=1000,
        positives=50,
        base_rate=0.05,
        estimates=tuple(estimate(name, value, room) for name, value in values.items()),
        slices=parts,
        review=Review(threshold=0.5, flagged=1, recall=None, false_positive_rate=None, precision=None),
    )


def but(one: Report, **changed: Any) -> Report:
    return one.model_copy(update=changed)


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
            ours, theirs = challenger.estimate(name), champion.estimate(name)
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
    assert not gate(report(GOOD, room=0.001), None, GateLimits(ece=0.005)).promote


def test_a_calibration_error_that_may_be_chance_is_borne() -> None:
    assert gate(report(GOOD | {"ece": 0.17}, room=0.05), None).promote
    assert not gate(report(GOOD | {"ece": 0.17}, room=0.01), None).promote


shares = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1) | st.none(), min_size=1)


def worst(parts: tuple[Slice, ...], names: set[str], falling: bool) -> Estimate:
    told = [part.estimates[0] for part in parts if part.name in names]
    return max(told, key=lambda f: f.value) if falling else min(told, key=lambda f: f.value)


@pytest.mark.parametrize(("kind", "name"), [("family", "recall_at_fpr_0.001"), ("cohort", ALARMS), ("country", ALARMS)])
@given(data=st.data(), room=st.floats(0, 0.3))
def test_nothing_promoted_has_a_worst_group_below_the_interval_of_the_champions(
    data: st.DataObject, room: float, kind: str, name: str
) -> None:
    ours, theirs = (slices(kind, name, data.draw(shares), room) for _ in range(2))
    if gate(report(GOOD, parts=ours), report(GOOD, parts=theirs)).promote:
        both = {g.name for g in ours if g.estimates[0].value is not None}
        both &= {g.name for g in theirs if g.estimates[0].value is not None}
        if both:
            mine, other = (worst(parts, both, name == ALARMS) for parts in (ours, theirs))
            assert mine.value <= other.high if name == ALARMS else mine.value >= other.low


@given(shares, shares, st.floats(0, 0.3))
def test_a_report_with_the_same_groups_is_not_blocked(families, cohorts, room: float) -> None:
    parts = slices("family", "recall_at_fpr_0.001", families, room) + slices("cohort", ALARMS, cohorts, room)
    assert gate(report(GOOD, room, parts=parts), report(GOOD, room, parts=parts)).promote


def test_a_worse_worst_family_is_named_with_the_champions() -> None:
    ours = slices("family", "recall_at_fpr_0.001", {"a": 0.3, "b": 0.9})
    theirs = slices("family", "recall_at_fpr_0.001", {"a": 0.8, "b": 0.5})
    decision = gate(report(GOOD, parts=ours), report(GOOD, parts=theirs))
    assert not decision.promote
    assert decision.reasons[0] == (
        "the worst family's recall_at_fpr_0.001 (a; the champion's worst: b) is 0.3000 against the champion's 0.5000, "
        "worse beyond the interval."
    )


@pytest.mark.parametrize("lost", [0.4, 0.19])
def test_a_family_that_is_lost_blocks_even_if_the_worst_was_as_bad_before(lost: float) -> None:
    ours = slices("family", "recall_at_fpr_0.01", {"a": 0.2, "b": lost})
    theirs = slices("family", "recall_at_fpr_0.01", {"a": 0.2, "b": 0.9})
    (said,) = gate(report(GOOD, parts=ours), report(GOOD, parts=theirs)).reasons
    assert said.startswith(f"recall_at_fpr_0.01 of the family b is {lost:.4f} against the champion's 0.9000, worse and")


def test_groups_that_only_one_report_knows_are_not_compared() -> None:
    ours = slices("family", "recall_at_fpr_0.01", {"a": 0.0, "b": None})
    theirs = slices("family", "recall_at_fpr_0.01", {"b": 0.9})
    assert gate(report(GOOD, parts=ours), report(GOOD, parts=theirs)).promote


sizes = st.integers(1, 200_000_000)
times = st.floats(1e-7, 1.0)


@given(sizes, sizes, times, times)
def test_nothing_promoted_is_over_twice_as_large_or_slow_unless_it_is_small_and_quick(
    size: int, other: int, slow: float, usual: float
) -> None:
    evidence = Evidence(footprints=(Footprint(size, slow), Footprint(other, usual)))
    passed = gate(report(GOOD), report(GOOD), evidence=evidence).promote
    fine = (size <= 2 * other or size <= 20_000_000) and (slow <= 2 * usual or slow <= 0.001)
    assert passed == fine


def test_a_heavy_and_slow_model_is_refused_with_both_sizes_and_times() -> None:
    evidence = Evidence(footprints=(Footprint(90_000_000, 0.0100), Footprint(30_000_000, 0.0020)))
    assert gate(report(GOOD), report(GOOD), evidence=evidence).reasons == (
        "It takes 90.0 MB, the champion 30.0 MB: more than 2 times.",
        "Scoring an account takes 10.00 ms, with the champion 2.00 ms: more than 2 times.",
    )


def gain(name: str, low: float, value: float, high: float) -> Estimate:
    return Estimate(name=name, value=value, low=low, high=high)


@given(st.sampled_from(GUARDED), st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_nothing_promoted_loses_surely_on_the_same_accounts_more_than_the_margin(name: str, bounds) -> None:
    evidence = Evidence(differences={"champion": [gain(name, *bounds)]})
    assert gate(report(GOOD), report(GOOD), evidence=evidence).promote != (bounds[2] < 0 and bounds[1] <= -0.005)


@pytest.mark.parametrize("champion", [None, report(GOOD)])
def test_a_challenger_that_a_plain_rival_surely_beats_is_not_promoted_even_as_the_first(champion) -> None:
    beaten = Evidence(differences={"volume_rule": [gain("pr_auc", -0.2, -0.1, -0.04)]})
    why = "The plain rival volume_rule does better on the same accounts: 0.100 [0.040, 0.200] of pr_auc."
    for challenger in (report(GOOD), but(report(GOOD), notes=(NOTHING_CONFIRMED,))):
        assert why in gate(challenger, champion, evidence=beaten).reasons
    unsure = Evidence(differences={"volume_rule": [gain("pr_auc", -0.2, -0.1, 0.01)]})
    assert gate(report(GOOD), champion, evidence=unsure).promote


def test_a_rival_that_is_better_calibrated_only_does_not_block() -> None:
    assert gate(report(GOOD), None, evidence=Evidence(differences={"rival": [gain("ece", -0.2, -0.1, -0.05)]})).promote


def test_a_loss_on_the_champions_own_test_set_blocks() -> None:
    """Labels that are wrong in the newest data are wrong in the newest test set too; the older one is clean of them."""
    older = report(GOOD | {"pr_auc": 0.6}, digest="e" * 64), report(GOOD, digest="e" * 64)
    decision = gate(report(GOOD | {"pr_auc": 0.9}), report(GOOD), evidence=Evidence(earlier=older))
    assert decision.reasons == (
        "On the champion's own test set, pr_auc is 0.6000 against the champion's 0.8000, worse beyond the interval.",
    )


@pytest.mark.parametrize(("lost", "is_let_through"), [(0.02, True), (0.04, False)])
def test_a_plain_loss_on_the_champions_own_test_set_blocks_though_it_is_not_sure(
    lost: float, is_let_through: bool
) -> None:
    """Flipped labels make the newest test set a bad judge, and few campaigns make intervals wide."""
    older = report(GOOD, digest="e" * 64)
    differences = (
        Estimate(name="pr_auc", value=-lost, low=-0.1, high=0.01),
        Estimate(name="ece", value=-0.2, low=-0.3, high=0.0),
    )
    decision = gate(report(GOOD), report(GOOD), evidence=Evidence(earlier=(older, older), lasting=differences))
    assert decision.promote is is_let_through
    if not is_let_through:
        assert decision.reasons == ("On the champion's own test set it loses 0.040 [-0.010, 0.100] of pr_auc.",)


def test_a_test_set_of_the_champions_without_a_true_account_decides_nothing() -> None:
    blank = {name: value if name in ("brier", "ece") else None for name, value in GOOD.items()}
    lost, kept = (but(report(blank | {"brier": brier}, digest="e" * 64), positives=0) for brier in (0.2, 0.001))
    assert gate(report(GOOD), report(GOOD), evidence=Evidence(earlier=(lost, kept))).promote


def test_where_nothing_is_confirmed_the_gate_lets_the_first_model_pass_and_no_later_one() -> None:
    blank = {name: value if name in ("brier", "ece") else None for name, value in GOOD.items()}
    unjudged = but(report(blank), positives=0, notes=(NOTHING_CONFIRMED,))
    assert gate(unjudged, None) == Decision(True, (UNJUDGED,))
    for champion in (unjudged, report(GOOD)):
        assert "so there is nothing to judge by: give more labels" in gate(unjudged, champion).reasons[0]
    assert not gate(but(unjudged, notes=()), None).promote


def test_where_the_strict_recall_can_not_be_carried_the_wider_one_is_guarded_and_the_gate_says_so() -> None:
    small = GOOD | {"recall_at_fpr_0.001": None}
    passed = gate(report(small), report(small))
    assert passed.promote
    assert passed.reasons[1] == (
        "The test set cannot carry recall_at_fpr_0.001 (too few): recall_at_fpr_0.01 is guarded instead."
    )
    lost = gate(report(small | {"recall_at_fpr_0.01": 0.3, "pr_auc": 0.9}), report(small))
    assert lost.reasons == ("recall_at_fpr_0.01 is 0.3000 against the champion's 0.7000, worse beyond the interval.",)


def test_a_forced_decision_keeps_what_the_gate_said_and_who_knew_better() -> None:
    kept = gate(report(GOOD | {"pr_auc": 0.06}), None)
    forced = force(kept, "an outage hid the newest campaigns")
    assert forced.promote
    assert forced.reasons == kept.reasons
    assert forced.forced == "an outage hid the newest campaigns"
