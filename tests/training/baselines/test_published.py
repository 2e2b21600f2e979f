"""The rivals of the literature, as a training gets them."""

import polars as pl

from features.catalogue import FEATURE_NAMES, MODES
from training.baselines import AGGREGATES, literature
from training.examples.dataset import DETECTED
from training.fitting.train import train

NAMES = ["mmd_window", "prada", "isolation_forest", "lightgbm_25"]


def test_the_aggregates_are_twenty_five_of_our_features_and_hardly_look_at_the_text() -> None:
    assert len(set(AGGREGATES)) == 25
    assert set(AGGREGATES) <= set(FEATURE_NAMES)
    assert set(AGGREGATES) & MODES["no text"] == {"words_mean_28d"}


def test_they_are_judged_on_the_same_test_set_and_without_text_the_detectors_know_nothing(
    trained, world, features, as_of, plan
) -> None:
    tells = pl.when(pl.col("label")).then(2.0).otherwise(pl.col("noise_a").abs())
    examples = world().with_columns(tells.cast(pl.Float32).alias(name) for name in DETECTED)
    alike = [pl.col("noise_a").alias(name) for name in AGGREGATES if name not in features]
    found = train(
        examples.with_columns(alike),
        features,
        as_of=as_of,
        seed=7,
        schema_version="s1",
        volume_feature="requests_28d",
        plan=plan,
        rivals=literature(features),
        beside=(*DETECTED, *(name for name in AGGREGATES if name not in features)),
    )
    assert list(found.reports)[3:] == NAMES
    assert len({report.test_digest for report in found.reports.values()}) == 1
    assert found.report.estimates == trained.report.estimates
    mmd = found.reports["mmd_window"]
    assert mmd.estimate("pr_auc").value > 0.7
    blind = mmd.slice("mode", "no text").estimate("pr_auc").value
    assert blind < 2 * mmd.base_rate
