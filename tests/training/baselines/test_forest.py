"""The isolation forest."""

import numpy as np
import pytest

from training.baselines import IsolationForest
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows


@pytest.fixture(scope="module")
def data(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_what_lies_far_out_is_odder_than_what_is_ordinary(data: TrainingRows) -> None:
    scorer = IsolationForest().fit(data, 0)
    rows = np.nanmedian(data.matrix, axis=0)[None, :].repeat(2, axis=0)
    rows[1] = 100 * np.nanmax(data.matrix, axis=0)
    fit_ordinary, odd = scorer.raw(rows)
    assert odd > fit_ordinary + 0.1


def test_labels_change_nothing(data: TrainingRows) -> None:
    turned = TrainingRows(data.features, data.matrix, ~data.label, data.weight, data.fold)
    assert np.array_equal(IsolationForest().tune(data, 0)[1], IsolationForest().tune(turned, 0)[1])


def test_it_bears_features_that_are_never_known(data: TrainingRows) -> None:
    matrix = data.matrix.copy()
    matrix[:, 3] = np.nan
    scorer = IsolationForest().fit(TrainingRows(data.features, matrix, data.label, data.weight, data.fold), 0)
    assert np.isfinite(scorer.raw(np.full((2, 5), np.nan, dtype=np.float32))).all()
