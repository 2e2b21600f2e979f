"""A whole training: candidates on one frozen test set."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from training.baselines import SingleColumnRule
from training.evaluation.judging import judge
from training.examples.dataset import LIFT, lifts, matrix
from training.examples.splits import hold_out
from training.fitting.plan import Plan
from training.fitting.train import Trained, train
from training.models.candidate import OURS
from training.models.fit import BoostingSettings
from training.models.model import fingerprint


def test_all_candidates_are_judged_on_the_same_frozen_test_set(trained: Trained) -> None:
    assert list(trained.reports) == [OURS, "volume_rule", "logistic_regression"]
    assert {r.test_digest for r in trained.reports.values()} == {trained.split.test.digest}


def test_ours_beats_the_volume_rule_where_volume_says_little(trained: Trained) -> None:
    ours, rule = (trained.reports[name].estimate("pr_auc").value for name in (OURS, "volume_rule"))
    assert ours > rule + 0.2


def test_the_same_training_gives_the_same_model_whatever_the_order_of_rows(
    trained: Trained, world, slices_of, request_of, plan
) -> None:
    shuffled = world().sample(fraction=1.0, shuffle=True, seed=1)
    other = train(request_of(examples=shuffled, plan=plan, slices=slices_of(shuffled)))
    assert fingerprint(other.model) == fingerprint(trained.model)
    assert other.reports == trained.reports
    assert other.digests == trained.digests


def test_the_test_set_has_no_say_in_the_model(trained: Trained, world, features, request_of, plan) -> None:
    tested = pl.col("account_id").is_in(trained.split.test.frame["account_id"].to_list())
    changed = world().with_columns(
        pl.when(tested).then(pl.lit(0.0)).otherwise(pl.col(name)).cast(pl.Float32).alias(name) for name in features
    )
    other = train(request_of(examples=changed, plan=plan))
    assert other.model.booster.model_to_string() == trained.model.booster.model_to_string()
    assert other.model.calibrator == trained.model.calibrator
    assert other.model.thresholds == trained.model.thresholds
    assert other.report != trained.report


def test_the_model_gives_the_risks_that_were_judged(trained: Trained) -> None:
    test = matrix(trained.split.test.frame, trained.model.features)
    assert np.array_equal(trained.model.predict(test), trained.candidates[OURS].risk)
    judged = judge(trained.model, trained.split.test, as_of=trained.as_of, seed=7, replicates=50)
    assert judged.estimates == trained.report.estimates
    assert judged.model == "champion"


def test_a_champion_that_learnt_from_a_campaign_of_the_test_set_is_said_to_flatter(trained: Trained, world) -> None:
    learnt = next(f"c{i}" for i in range(5) if f"c{i}" not in trained.split.held_out)
    test = hold_out(world(), {learnt}, 7).test
    judged = judge(trained.model, test, as_of=trained.as_of, seed=7, replicates=5)
    flatters = "champion learned from 1 of the campaigns of this test set, so its figures flatter"
    assert flatters in judged.notes
    unseen = judge(trained.model, trained.split.test, as_of=trained.as_of, seed=7, replicates=5)
    assert not any("flatter" in note for note in unseen.notes)


def test_the_review_threshold_flags_about_its_share_of_the_others(trained: Trained) -> None:
    review = trained.report.review
    assert review.false_positive_rate < 0.04
    assert review.recall > 0.4


def test_other_campaigns_can_be_held_out(world, request_of, plan) -> None:
    examples = world(honest=300, size=10)
    split = hold_out(examples, {"c0", "c1", "c2"}, 7)
    trained = train(request_of(examples=examples, plan=plan, split=split))
    assert [campaign.name for campaign in trained.report.campaigns] == ["c0", "c1", "c2"]


def test_a_further_rival_is_judged_beside_ours_and_changes_nothing(
    trained: Trained, world, slices_of, request_of, plan
) -> None:
    rival = replace(SingleColumnRule("sharing"), name="sharing_rule")
    with_rival = train(request_of(examples=world(), plan=plan, slices=slices_of(world()), rivals=[rival]))
    assert list(with_rival.reports) == [*trained.reports, "sharing_rule"]
    assert with_rival.report == trained.report
    assert with_rival.reports["sharing_rule"].test_digest == trained.report.test_digest


def test_groups_are_reported_on_and_never_learnt_from(trained: Trained, world, request_of, plan) -> None:
    plain = train(request_of(examples=world(), plan=plan))
    assert plain.model.booster.model_to_string() == trained.model.booster.model_to_string()
    assert plain.model.thresholds == trained.model.thresholds
    assert plain.report.estimates == trained.report.estimates
    assert plain.digests["train"] == trained.digests["train"]
    assert {test_slice.kind for test_slice in plain.report.slices} == {"mode"}
    assert {"family", "cohort", "plan"} <= {test_slice.kind for test_slice in trained.report.slices}


@pytest.mark.parametrize("campaigns,singles", [(1, 0), (1, 4), (2, 0), (0, 5)])
def test_few_true_accounts_still_give_a_model_that_ranks(world, request_of, plan, campaigns: int, singles: int) -> None:
    examples = world(honest=200, campaigns=campaigns, size=12, singles=singles, snapshots=2)
    trained = train(request_of(examples=examples, plan=replace(plan, replicates=10)))
    assert trained.report.estimate("pr_auc").value > trained.report.base_rate
    assert trained.counts["test_positives"] >= 1


def test_a_search_may_set_the_trees_and_is_the_same_again(world, request_of) -> None:
    plan = Plan(settings=BoostingSettings(rounds=(10, 20)), replicates=10, search_trials=3)
    first, second = (train(request_of(examples=world(honest=200), plan=plan)) for _ in range(2))
    assert fingerprint(first.model) == fingerprint(second.model)
    chosen, usual = first.candidates[OURS].fitted.parameters, BoostingSettings()
    assert any(chosen[name] != getattr(usual, name) for name in ("num_leaves", "learning_rate", "lambda_l2"))


def test_a_group_lifts_its_members_in_our_model_and_in_no_rival(
    world: Any, features: tuple[str, ...], request_of: Any, plan: Plan
) -> None:
    examples = world(honest=400, campaigns=5, size=12, snapshots=2)
    is_member = pl.col("label").fill_null(False) | pl.col("account_id").str.ends_with("77")
    lifted = examples.with_columns(pl.when(is_member).then(2.0).alias(LIFT))
    trained = train(request_of(examples=lifted, seed=1, plan=plan))
    assert [name for name, judged in trained.candidates.items() if judged.fitted.standing is not None] == [OURS]
    rows = trained.split.test.frame
    alone = trained.model.predict(matrix(rows, features))
    risk = trained.model.predict(matrix(rows, features), lifts(rows))
    assert np.array_equal(risk, trained.candidates[OURS].risk)
    assert np.array_equal(risk > alone, lifts(rows) > 0)
