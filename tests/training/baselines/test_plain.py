"""The plain rivals."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.errors import InputError
from training.baselines.plain import LogisticRegression, VolumeRule
from training.fitting.training_sets import Plan, learning
from training.models.fit import Learning


@pytest.fixture(scope="module")
def data(world, features) -> Learning:
    return learning(world(honest=300, size=15), features, Plan(), 3)


def test_the_volume_rule_ranks_by_volume_and_unknown_is_none(data: Learning) -> None:
    scorer = VolumeRule("requests_28d").fit(data, 0)
    matrix = np.zeros((3, len(data.features)), dtype=np.float32)
    matrix[:, 0] = [10, np.nan, 1000]
    assert np.argsort(scorer.raw(matrix)).tolist() == [1, 0, 2]


def test_the_volume_rule_needs_its_feature(data: Learning) -> None:
    with pytest.raises(InputError, match="'nope', which is not among"):
        VolumeRule("nope").fit(data, 0)


def test_logistic_regression_separates_and_bears_unknown_values(data: Learning) -> None:
    tuned, scores = LogisticRegression().tune(data, 0)
    assert tuned.strength in LogisticRegression().strengths
    assert np.isfinite(scores).all()
    assert roc_auc_score(data.label, scores) > 0.9


def test_logistic_regression_bears_features_that_are_never_known_or_never_change(data: Learning) -> None:
    matrix = data.matrix.copy()
    matrix[:, 3], matrix[:, 4] = np.nan, 1.0
    scorer = LogisticRegression().fit(Learning(data.features, matrix, data.label, data.weight, data.fold), 0)
    assert np.isfinite(scorer.raw(data.matrix)).all()
    assert np.isfinite(scorer.raw(np.full((2, 5), np.nan, dtype=np.float32))).all()


def test_logistic_regression_learns_nothing_from_the_fold_it_scores(data: Learning) -> None:
    candidate = LogisticRegression(strengths=(0.1,))
    _, scores = candidate.tune(data, 0)
    label = np.where(data.fold == 0, ~data.label, data.label)
    _, other = candidate.tune(Learning(data.features, data.matrix, label, data.weight, data.fold), 0)
    assert np.array_equal(scores[data.fold == 0], other[data.fold == 0])
