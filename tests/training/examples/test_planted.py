"""Planted accounts: learned from, and nothing else."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.errors import InputError
from training.evaluation.judging import judge
from training.examples.dataset import LIFT, digest, lifts, matrix, weights
from training.examples.planted import MARK, add_planted, is_planted, weigh_with_planted
from training.examples.splits import NOTHING_CONFIRMED, campaign_digests
from training.fitting.plan import Plan
from training.fitting.train import Trained, train
from training.gate.evidence import Evidence
from training.gate.promotion import UNJUDGED, gate
from training.models.candidate import OURS
from training.models.model import fingerprint


@pytest.fixture(scope="module")
def planted(world) -> pl.DataFrame:
    """Examples of four planted campaigns."""
    examples = world(honest=0, campaigns=4, size=8, seed=3)
    return examples.with_columns(
        account_id=pl.format("planted-{}", "account_id"), campaign=pl.format("planted:{}:0", "campaign")
    )


@pytest.fixture(scope="module")
def train_quickly(request_of, plan) -> Any:
    """A quick training."""

    def run(examples: pl.DataFrame, planted: pl.DataFrame | None = None, **changed: Any) -> Trained:
        return train(request_of(examples=examples, planted=planted, **{"plan": plan, **changed}))

    return run


@pytest.fixture(scope="module")
def labelled(world) -> pl.DataFrame:
    """Examples with four confirmed campaigns."""
    return world(honest=300, campaigns=4, size=8)


@pytest.fixture(scope="module")
def with_planted(train_quickly, labelled, planted) -> Trained:
    return train_quickly(labelled, planted, origin={"planting": "four campaigns"})


@pytest.fixture(scope="module")
def without(train_quickly, labelled) -> Trained:
    return train_quickly(labelled)


@pytest.fixture(scope="module")
def unlabelled(train_quickly, world, planted) -> Trained:
    """A training for which nothing was confirmed."""
    return train_quickly(world(honest=300, campaigns=0), planted)


def test_both_are_sorted_and_planted_ones_are_recognised_by_their_campaigns(labelled, planted) -> None:
    both = add_planted(labelled, planted)
    assert both.equals(both.sort("account_id", "as_of"))
    assert both.filter(pl.Series(is_planted(both))).drop("label").height == planted.height
    assert set(both.filter(pl.Series(is_planted(both)))["account_id"]) == set(planted["account_id"])
    for nothing in (None, planted.clear()):
        assert add_planted(labelled, nothing).equals(labelled.sort("account_id", "as_of"))


def test_planted_examples_without_the_mark_are_refused(labelled, planted) -> None:
    unmarked = planted.with_row_index("i").with_columns(campaign=pl.when(pl.col("i") > 0).then("campaign")).drop("i")
    with pytest.raises(InputError, match=f"whose names begin with '{MARK}': plant them again"):
        add_planted(labelled, unmarked)


def test_a_planted_account_with_the_id_of_a_real_one_is_refused(labelled, planted) -> None:
    taken = planted.with_columns(account_id=pl.lit(labelled["account_id"][0]))
    with pytest.raises(InputError, match="has the id of a real one: choose another seed"):
        add_planted(labelled, taken)


def test_real_accounts_weigh_what_they_weigh_alone_and_planted_ones_their_share(labelled, planted) -> None:
    both = add_planted(labelled, planted)
    side = is_planted(both)
    weight = weigh_with_planted(both, 0.1, 0.5, 0.25)
    assert np.array_equal(weight[~side], weights(labelled.sort("account_id", "as_of"), 0.1, 0.5))
    assert weight[side].sum() == pytest.approx(0.25 * planted["account_id"].n_unique())
    assert not weigh_with_planted(both, 0.1, 0.5, 0.0)[side].any()


def test_planted_rows_are_in_no_test_set_and_do_not_change_it(with_planted: Trained, without: Trained) -> None:
    assert with_planted.split.test.digest == without.split.test.digest
    assert not with_planted.split.test.frame["account_id"].str.starts_with("planted").any()
    assert not with_planted.split.test.course["account_id"].str.starts_with("planted").any()
    assert with_planted.split.held_out == without.split.held_out


def test_planted_rows_change_no_rival_and_do_change_ours(with_planted: Trained, without: Trained) -> None:
    for name in without.candidates:
        same = with_planted.candidates[name].report == without.candidates[name].report
        assert same == (name != OURS)
        if name != OURS:
            assert with_planted.candidates[name].fitted.calibrator == without.candidates[name].fitted.calibrator
            assert with_planted.candidates[name].fitted.thresholds == without.candidates[name].fitted.thresholds


def test_planted_rows_calibrate_nothing(with_planted: Trained) -> None:
    counts = with_planted.counts
    certain = counts["train_accounts"] - counts["train_suspects"]
    assert with_planted.model.calibrator.base_rate == pytest.approx(counts["train_positives"] / certain)
    assert with_planted.report.review.false_positive_rate < 0.06


def test_the_label_tells_what_was_planted_and_names_no_planted_campaign(
    with_planted: Trained, without: Trained, planted
) -> None:
    origin = with_planted.model.origin
    assert origin["planting"] == "four campaigns"
    assert origin["digest_planted"] == digest(planted)
    assert origin["campaigns"] == without.model.origin["campaigns"] == " ".join(campaign_digests(without.split.train))
    assert not {"planting", "digest_planted"} & set(without.model.origin)
    assert (with_planted.counts["train_planted"], without.counts["train_planted"]) == (32, 0)
    assert with_planted.counts["train_accounts"] == without.counts["train_accounts"]


def test_the_order_of_planted_rows_changes_no_bit(train_quickly, labelled, planted, with_planted: Trained) -> None:
    shuffled = planted.sample(fraction=1.0, shuffle=True, seed=2)
    again = train_quickly(labelled, shuffled, origin={"planting": "four campaigns"})
    assert fingerprint(again.model) == fingerprint(with_planted.model)


def test_no_planted_row_is_the_same_as_no_planting_except_in_the_label(
    train_quickly, labelled, planted, without: Trained
) -> None:
    none = train_quickly(labelled, planted.clear())
    assert none.report == without.report
    assert none.model.calibrator == without.model.calibrator
    assert none.model.booster.model_to_string() == without.model.booster.model_to_string()


def test_planted_accounts_without_weight_change_little(
    train_quickly, labelled, planted, plan, without: Trained
) -> None:
    """Not nothing: they still tell suspects apart, share the folds, and lend the trees their bins."""
    idle = train_quickly(labelled, planted, plan=replace(plan, planted_weight=0.0))
    areas = [trained.report.estimate("pr_auc").value for trained in (idle, without)]
    assert areas[0] == pytest.approx(areas[1], abs=0.1)
    assert idle.report != without.report


def test_where_nothing_is_confirmed_a_model_learns_at_the_assumed_rate_and_nothing_is_judged(
    unlabelled: Trained, plan: Plan
) -> None:
    assert unlabelled.model.calibrator.base_rate == plan.assumed_base_rate
    for judged in unlabelled.candidates.values():
        assert judged.fitted.calibrator.base_rate == plan.assumed_base_rate
        assert NOTHING_CONFIRMED in judged.report.notes
        assert judged.report.positives == 0
        assert judged.report.estimate("pr_auc").value is None
    assert unlabelled.split.test.frame["label"].null_count() == unlabelled.split.test.frame.height
    assert unlabelled.counts["train_positives"] == 0


def test_what_was_learned_from_planted_accounts_alone_ranks_real_campaigns(
    unlabelled: Trained, labelled, features, as_of
) -> None:
    latest = labelled.filter(pl.col("as_of") == as_of)
    risk = unlabelled.model.predict(matrix(latest, features))
    true = latest["label"].fill_null(False).to_numpy()
    assert np.median(risk[true]) > 10 * np.median(risk[~true])
    flagged = risk >= unlabelled.model.review_threshold
    assert flagged[~true].mean() < 0.06
    assert flagged[true].mean() > 0.4


def test_the_gate_lets_it_be_the_first_champion_but_not_follow_another(
    unlabelled: Trained, with_planted: Trained
) -> None:
    assert gate(unlabelled.report, None).reasons == (UNJUDGED,)
    assert not gate(unlabelled.report, unlabelled.report).promote
    assert not gate(unlabelled.report, with_planted.report).promote


def test_the_first_model_does_not_stand_in_the_way_by_a_test_set_that_nothing_could_be_judged_on(
    unlabelled: Trained, with_planted: Trained, as_of
) -> None:
    """Among accounts that nobody has confirmed the model wins that suspects nobody."""
    earlier = judge(with_planted.model, unlabelled.split.test, as_of=as_of, seed=7, replicates=5), unlabelled.report
    assert earlier[0].estimate("brier").value != earlier[1].estimate("brier").value
    decision = gate(with_planted.report, with_planted.report, evidence=Evidence(older_reports=earlier))
    assert decision.promote


def test_without_planted_accounts_nothing_can_be_learned_where_nothing_is_confirmed(train_quickly, world) -> None:
    with pytest.raises(InputError, match="Fewer than two true accounts are known"):
        train_quickly(world(honest=100, campaigns=0))


def test_no_planted_account_is_lifted_by_a_group(labelled: pl.DataFrame, planted: pl.DataFrame) -> None:
    whole = add_planted(labelled.with_columns(pl.lit(1.0).alias(LIFT)), planted)
    assert np.array_equal(lifts(whole) > 0, ~is_planted(whole))
