"""Thresholds and reference accounts of a fitted candidate."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from training.evaluation.metrics import threshold_at
from training.examples.dataset import FLAGGED, matrix
from training.fitting.candidates import FittedCandidate, fit_candidate
from training.fitting.plan import Plan
from training.fitting.training_sets import TrainingSet, training_sets
from training.models.blend import Blend
from training.models.fit import Boosting


def fit(examples: pl.DataFrame, features: tuple[str, ...], plan: Plan) -> tuple[FittedCandidate, TrainingSet]:
    sets = training_sets(examples.sort("account_id", "as_of"), None, features, plan, 7)
    return fit_candidate(Blend(Boosting(plan.settings)), sets[1], 7, plan), sets[1]


def without_labels(examples: pl.DataFrame, campaigns: list[str]) -> pl.DataFrame:
    is_hidden = pl.col("campaign").is_in(campaigns).fill_null(False)
    names = ("label", "campaign", "labelled_at")
    return examples.with_columns(pl.when(~is_hidden).then(pl.col(name)).alias(name) for name in names)


def test_a_campaign_that_nobody_confirmed_does_not_push_the_thresholds_above_its_members(
    world: Any, features: tuple[str, ...], plan: Plan
) -> None:
    examples = world(honest=800, campaigns=8, size=20)
    hidden = ["c4", "c5", "c6", "c7"]
    fitted, training_set = fit(without_labels(examples, hidden), features, plan)
    latest = examples.filter(pl.col("as_of") == pl.col("as_of").max())
    risk = fitted.risk(latest)
    member = latest["campaign"].is_in(hidden).fill_null(False).to_numpy()
    honest = latest["campaign"].is_null().to_numpy()
    review = fitted.thresholds["review"]
    assert (risk[member] >= review).mean() > 0.5
    assert (risk[honest] >= review).mean() < 0.03
    by_labels_alone = threshold_at(training_set.rows.label[training_set.is_current], risk, plan.review_rate)
    assert review < by_labels_alone


def test_accounts_that_the_champion_of_before_flags_count_for_no_threshold(
    world: Any, features: tuple[str, ...], plan: Plan
) -> None:
    examples = world(honest=800, campaigns=8, size=20).sort("account_id", "as_of")
    is_hidden = pl.col("campaign").is_in(["c4", "c5", "c6", "c7"]).fill_null(False)
    usual = {x: pl.col(x).filter(pl.col("campaign").is_null()).median() for x in features}
    milder = [pl.when(is_hidden).then((pl.col(x) + usual[x]) / 2).otherwise(x).alias(x) for x in features]
    flagged = examples.with_columns(*milder, is_hidden.alias(FLAGGED))
    fitted, training_set = fit(without_labels(flagged, ["c4", "c5", "c6", "c7"]), features, plan)
    assert training_set.is_flagged is not None and training_set.is_flagged[training_set.is_current].sum() == 80
    counted = fit_candidate(Blend(Boosting(plan.settings)), replace(training_set, is_flagged=None), 7, plan)
    latest = flagged.filter(pl.col("as_of") == pl.col("as_of").max())
    assert np.array_equal(fitted.risk(latest), counted.risk(latest))
    assert fitted.thresholds["review"] < counted.thresholds["review"]
    honest = latest["campaign"].is_null().to_numpy()
    assert (fitted.risk(latest)[honest] >= fitted.thresholds["review"]).mean() < 0.05


def test_the_act_threshold_is_the_higher_of_the_two_and_flags_fewer(
    world: Any, features: tuple[str, ...], plan: Plan
) -> None:
    fitted, _ = fit(world(honest=800), features, plan)
    review, act = fitted.thresholds["review"], fitted.thresholds["act"]
    assert 0 < review < act <= 1


def test_cleared_accounts_count_in_full_whatever_their_risk(world: Any, features: tuple[str, ...], plan: Plan) -> None:
    examples = world(honest=400)
    cleared = examples.with_columns(
        label=pl.col("label").fill_null(False), labelled_at=pl.col("labelled_at").fill_null(pl.col("as_of").max())
    )
    fitted, training_set = fit(cleared, features, plan)
    assert training_set.is_unlabelled is not None and not training_set.is_unlabelled.any()
    risk = fitted.risk(cleared.filter(pl.col("as_of") == pl.col("as_of").max()))
    assert (risk[100:] >= fitted.thresholds["review"]).mean() < 0.05


def test_the_reference_accounts_are_the_latest_of_all_with_the_risks_that_the_candidate_gives_them(
    world: Any, features: tuple[str, ...], plan: Plan
) -> None:
    examples = world(honest=600).sort("account_id", "as_of")
    fitted, _ = fit(examples, features, plan)
    latest = examples.filter(pl.col("as_of") == pl.col("as_of").max())
    assert fitted.reference is not None
    percentiles = fitted.reference.percentiles(fitted.risk(latest))
    shares = (np.argsort(np.argsort(percentiles)) + 0.5) / len(latest) * 100
    assert np.abs(percentiles - shares).max() < 2
    medians = np.nanmedian(matrix(latest, features), axis=0)
    assert np.allclose(fitted.reference.typical(np.array([np.nan]))[0], medians)
