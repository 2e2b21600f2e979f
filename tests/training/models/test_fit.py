"""The boosted trees."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows
from training.models.fit import Boosting, BoostingSettings, boost


@pytest.fixture(scope="module")
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=300, size=15), features, Plan(), 3)


def test_the_same_data_and_seed_give_the_same_trees_to_the_bit(rows: TrainingRows) -> None:
    first, again = (boost(rows, BoostingSettings(), 30, 5).model_to_string() for _ in range(2))
    assert first == again
    assert first != boost(rows, BoostingSettings(), 30, 6).model_to_string()


def test_the_rounds_are_chosen_among_those_allowed(rows: TrainingRows) -> None:
    tuned, scores = Boosting(BoostingSettings(rounds=(10, 30))).tune(rows, 5)
    assert tuned.rounds in (10, 30)
    assert tuned.fit(rows, 5).booster.num_trees() == tuned.rounds
    assert np.isfinite(scores).all() and scores[rows.label].mean() > scores[~rows.label].mean() + 1


def test_out_of_fold_scores_do_not_know_the_labels_of_their_fold(rows: TrainingRows) -> None:
    candidate = Boosting(BoostingSettings(rounds=(20,)))
    _, scores = candidate.tune(rows, 5)
    flipped = replace(rows, label=np.where(rows.fold == 0, ~rows.label, rows.label))
    _, other = candidate.tune(flipped, 5)
    assert np.array_equal(scores[rows.fold == 0], other[rows.fold == 0])
    assert not np.array_equal(scores[rows.fold == 1], other[rows.fold == 1])


def test_a_monotone_feature_never_lowers_the_score(rows: TrainingRows) -> None:
    booster = boost(rows, BoostingSettings(monotone=(("sharing", 1),)), 30, 5)
    matrix = np.repeat(rows.matrix[:1], 9, axis=0)
    matrix[:, rows.features.index("sharing")] = np.arange(9)
    assert (np.diff(np.asarray(booster.predict(matrix, raw_score=True))) >= 0).all()


def test_feature_names_that_would_be_changed_are_refused(rows: TrainingRows) -> None:
    odd = replace(rows, features=("a b", *rows.features[1:]))
    with pytest.raises(InputError, match=r"\['a b'\] hold more than letters"):
        boost(odd, BoostingSettings(), 2, 1)
