"""What is put before the gate: whose risks are compared with whose, and on which accounts."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from training.evaluation.judging import judge
from training.evaluation.paired import differences
from training.evaluation.slices import campaigns_of
from training.examples.dataset import targets
from training.examples.splits import digest_campaign, hold_out
from training.fitting.plan import Plan
from training.fitting.train import Trained, train
from training.gate.assembly import PLAIN_RIVALS, Contender, RetiredChampion, assemble_evidence, risk_of
from training.gate.evidence import CHAMPION, Footprint
from training.models.candidate import OURS
from training.models.fit import BoostingSettings

FOOTPRINTS = Footprint(2, 0.1), Footprint(1, 0.2)


def contender(trained: Trained) -> Contender:
    return Contender(trained.model, trained.report, trained.split.test)


@pytest.fixture(scope="module")
def challenger(trained: Trained) -> Contender:
    return contender(trained)


@pytest.fixture(scope="module")
def champion(world, request_of) -> Contender:
    """Trained on a smaller world, so on another test set."""
    plan = Plan(settings=BoostingSettings(rounds=(10,)), replicates=20)
    return contender(train(request_of(examples=world(honest=400, seed=3), plan=plan, seed=3)))


def test_the_risks_that_were_recorded_are_those_of_the_stored_model(trained: Trained) -> None:
    assert np.array_equal(trained.risks[OURS].to_numpy(), risk_of(trained.model, trained.split.test.frame))


def test_a_first_challenger_is_compared_with_the_plain_rivals_only(trained: Trained, challenger: Contender) -> None:
    risks = trained.risks.with_columns(detector_of_the_literature=pl.lit(1.0))
    report, evidence = assemble_evidence(challenger, None, risks)
    assert report is None
    assert tuple(evidence.differences) == PLAIN_RIVALS
    assert (evidence.older_reports, evidence.older_differences, evidence.remembered, evidence.footprints) == (
        None,
        (),
        None,
        None,
    )


def test_rivals_risks_are_matched_by_account_whatever_their_order(trained: Trained, challenger: Contender) -> None:
    assert assemble_evidence(challenger, None, trained.risks.reverse()) == assemble_evidence(
        challenger, None, trained.risks
    )


def test_the_champion_judged_again_keeps_its_report_and_is_not_compared_with_itself(
    trained: Trained, challenger: Contender
) -> None:
    report, evidence = assemble_evidence(challenger, challenger, trained.risks)
    assert report is challenger.report
    assert CHAMPION not in evidence.differences


def test_on_one_test_set_the_champions_report_is_used_as_it_is(trained: Trained, challenger: Contender) -> None:
    twin = replace(challenger)
    report, evidence = assemble_evidence(challenger, twin, trained.risks, FOOTPRINTS)
    assert report is twin.report
    assert (evidence.older_reports, evidence.older_differences, evidence.footprints) == (None, (), FOOTPRINTS)
    assert {estimate.value for estimate in evidence.differences[CHAMPION]} == {
        0.0,
        None,
    }


def test_on_two_test_sets_both_models_are_judged_on_both(
    trained: Trained, challenger: Contender, champion: Contender
) -> None:
    innocent = replace(champion, model=replace(champion.model, origin=champion.model.origin | {"campaigns": ""}))
    report, evidence = assemble_evidence(challenger, innocent, trained.risks)
    new, old = challenger.report, champion.report
    assert report == judge(innocent.model, challenger.test, as_of=new.as_of, seed=new.seed)
    assert evidence.older_reports == (
        judge(challenger.model, champion.test, as_of=old.as_of, seed=old.seed, name=OURS),
        champion.report,
    )
    assert evidence.flattered is None
    for test, seed, estimates in (
        (challenger.test, new.seed, evidence.differences[CHAMPION]),
        (champion.test, old.seed, evidence.older_differences),
    ):
        ours, theirs = (risk_of(model, test.frame) for model in (challenger.model, champion.model))
        assert estimates == differences(targets(test.frame), ours, theirs, campaigns_of(test.frame)[1], seed=seed)


def test_campaigns_that_the_champion_has_learned_from_are_left_out_of_the_comparison(
    trained: Trained, champion: Contender, world
) -> None:
    names = ["c0", "c1"]
    test = hold_out(world(), names, 7).test
    judged = judge(trained.model, test, as_of=trained.as_of, seed=7, replicates=20)
    challenger = Contender(trained.model, judged, test)
    rivals = test.frame.select("account_id", **{name: pl.lit(0.5) for name in PLAIN_RIVALS})
    for learned in (names[:1], names):
        digests = " ".join(map(digest_campaign, learned))
        biased = replace(champion, model=replace(champion.model, origin={"campaigns": digests}))
        _, evidence = assemble_evidence(challenger, biased, rivals)
        flattered = evidence.flattered
        assert flattered is not None and (flattered.learned, flattered.campaigns) == (len(learned), len(names))
        if learned == names:
            assert flattered.reports is None and CHAMPION not in evidence.differences
            continue
        assert flattered.reports is not None
        ours, theirs = flattered.reports
        members = challenger.test.frame.filter(pl.col("label") & pl.col("campaign").is_in(learned))
        assert ours.test_digest == theirs.test_digest != challenger.report.test_digest
        assert ours.positives == challenger.report.positives - members.height
        assert ours.accounts == challenger.report.accounts - members.height
        assert not any("flatter" in note for note in theirs.notes)
        rest = challenger.test.frame.filter(~pl.col("account_id").is_in(members["account_id"].implode()))
        risks = [risk_of(model, rest) for model in (challenger.model, champion.model)]
        codes = campaigns_of(rest)[1]
        expected = differences(targets(rest), *risks, codes, seed=challenger.report.seed)
        assert evidence.differences[CHAMPION] == expected


def test_a_retired_champion_is_compared_by_its_risks_of_the_accounts_that_both_were_judged_on(
    trained: Trained, challenger: Contender
) -> None:
    frame = challenger.test.frame
    half = trained.risks.select("account_id", OURS).gather_every(2)
    stranger = pl.DataFrame({"account_id": ["nobody"], OURS: [0.5]})
    report, evidence = assemble_evidence(challenger, RetiredChampion(pl.concat([half, stranger])), trained.risks)
    assert report is None
    assert tuple(evidence.differences) == PLAIN_RIVALS
    assert evidence.remembered is not None
    assert frame.join(half, on="account_id", how="semi")["label"].any()
    (area,) = [estimate.value for estimate in evidence.remembered if estimate.name == "pr_auc"]
    assert area == 0.0


def test_a_retired_champion_without_a_common_true_account_leaves_nothing_to_compare(
    trained: Trained, challenger: Contender
) -> None:
    honest = challenger.test.frame.filter(~pl.col("label").fill_null(False)).select("account_id")
    risks = trained.risks.join(honest, on="account_id", how="semi")
    assert assemble_evidence(challenger, RetiredChampion(risks), trained.risks)[1].remembered == ()
