"""The rivals of the literature, as a training gets them."""

import polars as pl

from features.catalogue import FEATURE_NAMES, MODES
from training.baselines import AGGREGATES, published_rivals
from training.examples.dataset import DETECTOR_COLUMNS
from training.fitting.train import train

NAMES = ["mmd_window", "prada", "isolation_forest", "lightgbm_25"]


def test_the_aggregates_are_twenty_five_of_our_features_and_hardly_look_at_the_text() -> None:
    assert len(set(AGGREGATES)) == 25
    assert set(AGGREGATES) <= set(FEATURE_NAMES)
    assert set(AGGREGATES) & MODES["no text"] == {"words_mean_28d"}


def test_they_are_judged_on_the_same_test_set_and_without_text_the_detectors_know_nothing(
    trained, world, features, request_of, plan
) -> None:
    tells = pl.when(pl.col("label")).then(2.0).otherwise(pl.col("noise_a").abs())
    examples = world().with_columns(tells.cast(pl.Float32).alias(name) for name in DETECTOR_COLUMNS)
    alike = [pl.col("noise_a").alias(name) for name in AGGREGATES if name not in features]
    request = request_of(
        examples=examples.with_columns(alike),
        plan=plan,
        rivals=published_rivals(features),
        rival_columns=(*DETECTOR_COLUMNS, *(name for name in AGGREGATES if name not in features)),
    )
    judged = train(request)
    assert list(judged.reports)[3:] == NAMES
    assert len({report.test_digest for report in judged.reports.values()}) == 1
    assert judged.report.estimates == trained.report.estimates
    mmd = judged.reports["mmd_window"]
    assert mmd.estimate("pr_auc").value > 0.7
    (blind,) = (mode.estimate("pr_auc").value for mode in mmd.of_kind("mode") if mode.name == "no text")
    assert blind < 2 * mmd.base_rate
