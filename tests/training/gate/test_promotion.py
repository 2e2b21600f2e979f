"""The gate: what it says of a challenger, case by case; what holds for all reports is in `test_comparison`."""

from collections.abc import Callable

import pytest

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.slices import Slice
from training.examples.splits import NOTHING_CONFIRMED
from training.gate.evidence import Evidence, Footprint, GateLimits, LearnedCampaigns
from training.gate.promotion import FIRST, UNJUDGED, Decision, force, gate

OLDER = "e" * 64  # digest of another test set
UNKNOWN_RANKING = dict.fromkeys(("pr_auc", "recall_at_fpr_0.01", "recall_at_fpr_0.001"))
MakeReport = Callable[..., Report]
MakeSlices = Callable[..., tuple[Slice, ...]]


def test_a_good_first_champion_is_promoted(report: MakeReport, slices: MakeSlices) -> None:
    assert gate(report(), None).promote


def test_an_equal_report_is_promoted_since_it_knows_newer_data(report: MakeReport) -> None:
    decision = gate(report(), report())
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
def test_the_very_first_model_is_promoted_with_a_warning_and_every_objection(
    report: MakeReport, change: dict, reason: str
) -> None:
    decision = gate(report(change), None)
    assert decision.promote
    assert decision.reasons[0] == FIRST
    assert reason in " ".join(decision.reasons[1:])


def test_a_champion_that_nobody_could_judge_gives_way_to_a_model_that_passes_and_to_no_other(
    report: MakeReport,
) -> None:
    unjudged = Evidence(has_fallback=True)
    assert gate(report(), None, evidence=unjudged).promote
    refused = gate(report({"pr_auc": 0.06}), None, evidence=unjudged)
    assert not refused.promote
    assert "below 2 times the base rate" in refused.reasons[0]


def test_reports_on_different_test_sets_are_not_compared(report: MakeReport) -> None:
    decision = gate(report(), report(digest=OLDER))
    assert not decision.promote
    assert "judge the champion on the challenger's test set" in decision.reasons[0]


def test_reports_without_a_common_ranking_figure_are_not_compared(report: MakeReport) -> None:
    decision = gate(report(), report(UNKNOWN_RANKING))
    assert decision.reasons == (
        "No ranking figure has a value in both reports: the test set is too small to compare on.",
    )


def test_a_loss_beyond_the_interval_is_named_with_both_values(report: MakeReport) -> None:
    decision = gate(report({"recall_at_fpr_0.001": 0.4, "pr_auc": 0.9}), report())
    assert decision.reasons == (
        "recall_at_fpr_0.001 is 0.4000 against the champion's 0.5000, worse beyond the interval.",
    )


def test_a_loss_within_the_interval_is_borne_for_an_improvement_elsewhere(report: MakeReport) -> None:
    assert gate(report({"recall_at_fpr_0.01": 0.68, "pr_auc": 0.82}), report()).promote


def test_the_limits_are_arguments(report: MakeReport) -> None:
    assert not gate(report(room=0.001), report(room=0.001), GateLimits(largest_ece=0.005)).promote


def test_a_calibration_error_that_may_be_chance_is_borne(report: MakeReport) -> None:
    unjudged = Evidence(has_fallback=True)
    assert gate(report({"ece": 0.17}, room=0.05), None, evidence=unjudged).promote
    assert not gate(report({"ece": 0.17}, room=0.01), None, evidence=unjudged).promote


def test_a_worse_worst_family_is_named_with_the_champions(report: MakeReport, slices: MakeSlices) -> None:
    ours = slices("family", "recall_at_fpr_0.001", {"a": 0.3, "b": 0.9})
    theirs = slices("family", "recall_at_fpr_0.001", {"a": 0.8, "b": 0.5})
    decision = gate(report(slices=ours), report(slices=theirs))
    assert not decision.promote
    assert decision.reasons[0] == (
        "the worst family's recall_at_fpr_0.001 (a; the champion's worst: b) is 0.3000 against the champion's 0.5000, "
        "worse beyond the interval."
    )


@pytest.mark.parametrize("lost", [0.4, 0.19])
def test_a_family_that_is_lost_blocks_even_if_the_worst_was_as_bad_before(
    report: MakeReport, slices: MakeSlices, lost: float
) -> None:
    ours = slices("family", "recall_at_fpr_0.01", {"a": 0.2, "b": lost})
    theirs = slices("family", "recall_at_fpr_0.01", {"a": 0.2, "b": 0.9})
    (reason,) = gate(report(slices=ours), report(slices=theirs)).reasons
    assert reason.startswith(
        f"recall_at_fpr_0.01 of the family b is {lost:.4f} against the champion's 0.9000, worse and"
    )


def test_slices_that_only_one_report_has_are_not_compared(report: MakeReport, slices: MakeSlices) -> None:
    ours = slices("family", "recall_at_fpr_0.01", {"a": 0.0, "b": None})
    theirs = slices("family", "recall_at_fpr_0.01", {"b": 0.9})
    assert gate(report(slices=ours), report(slices=theirs)).promote


def test_a_heavy_and_slow_model_is_refused_with_both_sizes_and_times(report: MakeReport) -> None:
    evidence = Evidence(footprints=(Footprint(90_000_000, 0.0100), Footprint(30_000_000, 0.0020)))
    assert gate(report(), report(), evidence=evidence).reasons == (
        "It takes 90.0 MB, the champion 30.0 MB: more than 2 times.",
        "Scoring an account takes 10.00 ms, with the champion 2.00 ms: more than 2 times.",
    )


def difference(name: str, low: float, value: float, high: float) -> Estimate:
    return Estimate(name=name, value=value, low=low, high=high)


@pytest.mark.parametrize("is_first", [True, False])
def test_that_a_plain_rival_surely_beats_a_challenger_is_said_and_keeps_out_all_but_the_first(
    report: MakeReport, is_first: bool
) -> None:
    champion = None if is_first else report()
    beaten = Evidence(differences={"volume_rule": [difference("pr_auc", -0.2, -0.1, -0.04)]})
    why = "The plain rival volume_rule does better on the same accounts: 0.100 [0.040, 0.200] of pr_auc."
    for challenger in (report(), report(notes=(NOTHING_CONFIRMED,))):
        decision = gate(challenger, champion, evidence=beaten)
        assert why in decision.reasons
        assert decision.promote == is_first
    unsure = Evidence(differences={"volume_rule": [difference("pr_auc", -0.2, -0.1, 0.01)]})
    assert gate(report(), champion, evidence=unsure).promote


def test_a_rival_that_is_better_calibrated_only_does_not_block(report: MakeReport) -> None:
    assert gate(
        report(), None, evidence=Evidence(differences={"rival": [difference("ece", -0.2, -0.1, -0.05)]})
    ).promote


def test_a_loss_on_the_champions_own_test_set_blocks(report: MakeReport) -> None:
    """Labels that are wrong in the newest data are wrong in the newest test set too; the older one is clean of them."""
    older = report({"pr_auc": 0.6}, digest=OLDER), report(digest=OLDER)
    decision = gate(report({"pr_auc": 0.9}), report(), evidence=Evidence(older_reports=older))
    assert decision.reasons == (
        "On the champion's own test set, pr_auc is 0.6000 against the champion's 0.8000, worse beyond the interval.",
    )


@pytest.mark.parametrize(("lost", "is_let_through"), [(0.02, True), (0.04, False)])
def test_a_plain_loss_on_the_champions_own_test_set_blocks_though_it_is_not_sure(
    report: MakeReport, lost: float, is_let_through: bool
) -> None:
    """Flipped labels make the newest test set a bad judge, and few campaigns make intervals wide."""
    older = report(digest=OLDER)
    differences = (
        Estimate(name="pr_auc", value=-lost, low=-0.1, high=0.01),
        Estimate(name="ece", value=-0.2, low=-0.3, high=0.0),
    )
    decision = gate(report(), report(), evidence=Evidence(older_reports=(older, older), older_differences=differences))
    assert decision.promote is is_let_through
    if not is_let_through:
        assert decision.reasons == ("On the champion's own test set it loses 0.040 [-0.010, 0.100] of pr_auc.",)


def test_a_test_set_of_the_champions_without_a_true_account_decides_nothing(report: MakeReport) -> None:
    worse, better = (report(UNKNOWN_RANKING | {"brier": brier}, digest=OLDER, positives=0) for brier in (0.2, 0.001))
    assert gate(report(), report(), evidence=Evidence(older_reports=(worse, better))).promote


def test_where_nothing_is_confirmed_the_gate_lets_the_first_model_pass_and_no_later_one(report: MakeReport) -> None:
    unjudged = report(UNKNOWN_RANKING, positives=0, notes=(NOTHING_CONFIRMED,))
    assert gate(unjudged, None) == Decision(True, (UNJUDGED,))
    for champion in (unjudged, report()):
        assert "so there is nothing to judge by: give more labels" in gate(unjudged, champion).reasons[0]
    first = gate(report(UNKNOWN_RANKING, positives=0), None)
    assert first.promote and first.reasons[0] == FIRST


def test_where_the_strict_recall_can_not_be_carried_the_wider_one_is_guarded_and_the_gate_says_so(
    report: MakeReport,
) -> None:
    small = {"recall_at_fpr_0.001": None}
    passed = gate(report(small), report(small))
    assert passed.promote
    assert passed.reasons[1] == (
        "The test set is too small for recall_at_fpr_0.001 (too few): recall_at_fpr_0.01 is guarded instead."
    )
    lost = gate(report(small | {"recall_at_fpr_0.01": 0.3, "pr_auc": 0.9}), report(small))
    assert lost.reasons == ("recall_at_fpr_0.01 is 0.3000 against the champion's 0.7000, worse beyond the interval.",)


def test_a_forced_decision_keeps_what_the_gate_said_and_who_knew_better(report: MakeReport) -> None:
    refused = gate(report({"pr_auc": 0.06}), None)
    forced = force(refused, "an outage hid the newest campaigns")
    assert forced.promote
    assert forced.reasons == refused.reasons
    assert forced.forced == "an outage hid the newest campaigns"


def remembered(area: float) -> Evidence:
    return Evidence(remembered=(difference("pr_auc", area - 0.01, area, area + 0.01),))


def test_a_champion_of_other_features_stands_by_the_risks_that_it_gave(report: MakeReport) -> None:
    same = gate(report(), None, evidence=remembered(0.0))
    assert same.promote
    assert "made for other features" in same.reasons[0]
    lost = gate(report(), None, evidence=remembered(-0.2))
    assert not lost.promote
    assert "Against the risks that the champion gave when it was trained, it loses 0.200" in lost.reasons[0]


@pytest.mark.parametrize("estimates", [(), (Estimate(name="pr_auc", value=None, note="too few"),)])
def test_a_champion_of_other_features_that_cannot_be_compared_with_stays(
    report: MakeReport, estimates: tuple[Estimate, ...]
) -> None:
    decision = gate(report(), None, evidence=Evidence(remembered=estimates))
    assert not decision.promote
    assert "`promote --force` with a reason" in decision.reasons[0]
    assert force(decision, "both reports were read").promote


def test_an_unjudged_challenger_does_not_replace_a_champion_of_other_features(
    report: MakeReport,
) -> None:
    unjudged = report(positives=0, notes=(NOTHING_CONFIRMED,))
    assert not gate(unjudged, None, evidence=remembered(0.0)).promote


def test_where_the_champion_has_learned_campaigns_of_the_test_set_the_others_decide(report: MakeReport) -> None:
    worse, better = report({"pr_auc": 0.6}, digest="e" * 64), report({"pr_auc": 0.85}, digest="e" * 64)
    flattering, equal = report({"pr_auc": 0.99}), report(digest="e" * 64)
    assert not gate(report(), flattering).promote
    won = gate(report(), flattering, evidence=Evidence(flattered=LearnedCampaigns(2, 3, (better, equal))))
    lost = gate(report(), flattering, evidence=Evidence(flattered=LearnedCampaigns(2, 3, (worse, equal))))
    assert (won.promote, lost.promote) == (True, False)
    for decision in (won, lost):
        assert decision.reasons[-1] == (
            "The champion has learned from 2 of the 3 campaigns of this test set, so the two are compared on the other "
            "1 only."
        )
    assert "pr_auc is 0.6000 against the champion's 0.8000" in lost.reasons[0]


def test_where_the_champion_has_learned_all_of_them_its_own_test_set_decides(report: MakeReport) -> None:
    flattered, flattering = LearnedCampaigns(3, 3, None), report({"pr_auc": 0.99})
    old = report(digest="e" * 64)
    for ours, is_promoted in ((0.8, True), (0.6, False)):
        older = (report({"pr_auc": ours}, digest="e" * 64), old)
        decision = gate(report(), flattering, evidence=Evidence(older_reports=older, flattered=flattered))
        assert decision.promote is is_promoted
        assert decision.reasons[-1].endswith("so the two are compared on the champion's own test set only.")
