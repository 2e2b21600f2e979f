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
def data(world, features) -> TrainingRows:
    return training_rows(world(honest=300, size=15), features, Plan(), 3)


def test_the_same_data_and_seed_give_the_same_trees_to_the_bit(data: TrainingRows) -> None:
    first, again = (boost(data, BoostingSettings(), 30, 5).model_to_string() for _ in range(2))
    assert first == again
    assert first != boost(data, BoostingSettings(), 30, 6).model_to_string()


def test_the_rounds_are_chosen_among_those_allowed(data: TrainingRows) -> None:
    tuned, scores = Boosting(BoostingSettings(rounds=(10, 30))).tune(data, 5)
    assert tuned.rounds in (10, 30)
    assert tuned.fit(data, 5).booster.num_trees() == tuned.rounds
    assert np.isfinite(scores).all() and scores[data.label].mean() > scores[~data.label].mean() + 1


def test_out_of_fold_scores_do_not_know_the_labels_of_their_fold(data: TrainingRows) -> None:
    candidate = Boosting(BoostingSettings(rounds=(20,)))
    _, scores = candidate.tune(data, 5)
    flipped = replace(data, label=np.where(data.fold == 0, ~data.label, data.label))
    _, other = candidate.tune(flipped, 5)
    assert np.array_equal(scores[data.fold == 0], other[data.fold == 0])
    assert not np.array_equal(scores[data.fold == 1], other[data.fold == 1])


def test_a_monotone_feature_never_lowers_the_score(data: TrainingRows) -> None:
    booster = boost(data, BoostingSettings(monotone=(("sharing", 1),)), 30, 5)
    matrix = np.repeat(data.matrix[:1], 9, axis=0)
    matrix[:, data.features.index("sharing")] = np.arange(9)
    assert (np.diff(np.asarray(booster.predict(matrix, raw_score=True))) >= 0).all()


def test_feature_names_that_would_be_changed_are_refused(data: TrainingRows) -> None:
    odd = replace(data, features=("a b", *data.features[1:]))
    with pytest.raises(InputError, match=r"\['a b'\] hold more than letters"):
        boost(odd, BoostingSettings(), 2, 1)
