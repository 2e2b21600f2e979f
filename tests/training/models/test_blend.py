"""Trees and linear model together."""

import numpy as np
import polars as pl

from training.fitting.plan import Plan
from training.fitting.train import Trained
from training.fitting.training_sets import training_rows
from training.models.blend import Blend
from training.models.fit import Boosting, BoostingSettings


def test_the_blend_scores_by_the_sum_of_both(trained: Trained) -> None:
    rows = training_rows(trained.split.train, trained.model.features, plan=Plan(), seed=0)
    blended = Blend(Boosting(BoostingSettings(rounds=(20,)))).fit(rows, 0)
    both = blended.trees.raw(rows.matrix) + blended.linear.raw(rows.matrix)
    assert np.array_equal(blended.raw(rows.matrix), both)


def test_the_registered_model_is_the_judged_blend(trained: Trained) -> None:
    test = trained.split.test.frame.select(pl.col(trained.model.features)).to_numpy().astype(np.float32)
    assert np.array_equal(trained.model.predict(test), trained.candidates["stillwatch"].risk)


def test_a_settled_blend_keeps_its_choices_and_gives_the_same_scores_of_rows_held_out(trained: Trained) -> None:
    rows = training_rows(trained.split.train, trained.model.features, plan=Plan(), seed=0)
    tuned, scores = Blend(Boosting(BoostingSettings(rounds=(5, 20, 40)))).tune(rows, 0)
    again, same = tuned.settled().tune(rows, 0)
    assert again.parameters() == tuned.parameters()
    assert np.array_equal(same, scores)


def test_the_served_model_has_the_settings_of_the_judged_one(trained: Trained) -> None:
    rounds = trained.candidates["stillwatch"].fitted.parameters["rounds"]
    assert trained.model.booster.num_trees() == trained.final.booster.num_trees() == rounds
