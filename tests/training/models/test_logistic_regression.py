"""The logistic regression."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows
from training.models.logistic_regression import LogisticRegression


@pytest.fixture(scope="module")
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=300, size=15), features, Plan(), 3)


def test_logistic_regression_separates_and_bears_unknown_values(rows: TrainingRows) -> None:
    tuned, scores = LogisticRegression().tune(rows, 0)
    assert tuned.strength in LogisticRegression().strengths
    assert np.isfinite(scores).all()
    assert roc_auc_score(rows.label, scores) > 0.9


def test_logistic_regression_bears_features_that_are_never_known_or_never_change(rows: TrainingRows) -> None:
    matrix = rows.matrix.copy()
    matrix[:, 3], matrix[:, 4] = np.nan, 1.0
    scorer = LogisticRegression().fit(replace(rows, matrix=matrix), 0)
    assert np.isfinite(scorer.raw(rows.matrix)).all()
    assert np.isfinite(scorer.raw(np.full((2, 5), np.nan, dtype=np.float32))).all()


def test_logistic_regression_learns_nothing_from_the_fold_it_scores(rows: TrainingRows) -> None:
    candidate = LogisticRegression(strengths=(0.1,))
    _, scores = candidate.tune(rows, 0)
    label = np.where(rows.fold == 0, ~rows.label, rows.label)
    _, other = candidate.tune(replace(rows, label=label), 0)
    assert np.array_equal(scores[rows.fold == 0], other[rows.fold == 0])


@pytest.mark.parametrize("label", [True, False])
def test_logistic_regression_scores_all_alike_where_all_it_learned_from_are_of_one_class(
    rows: TrainingRows, label: bool
) -> None:
    scorer = LogisticRegression().fit(replace(rows, label=np.full(rows.label.size, label)), 0)
    assert (scorer.raw(rows.matrix) == 0).all()
