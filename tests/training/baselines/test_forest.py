"""The isolation forest."""

from dataclasses import replace

import numpy as np
import pytest

from training.baselines import IsolationForest
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows


@pytest.fixture(scope="module")
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_what_lies_far_out_is_odder_than_what_is_ordinary(rows: TrainingRows) -> None:
    scorer = IsolationForest().fit(rows, 0)
    extremes = np.nanmedian(rows.matrix, axis=0)[None, :].repeat(2, axis=0)
    extremes[1] = 100 * np.nanmax(rows.matrix, axis=0)
    ordinary, unusual = scorer.raw(extremes)
    assert unusual > ordinary + 0.1


def test_labels_change_nothing(rows: TrainingRows) -> None:
    turned = replace(rows, label=~rows.label)
    assert np.array_equal(IsolationForest().tune(rows, 0)[1], IsolationForest().tune(turned, 0)[1])


def test_it_bears_features_that_are_never_known(rows: TrainingRows) -> None:
    matrix = rows.matrix.copy()
    matrix[:, 3] = np.nan
    scorer = IsolationForest().fit(replace(rows, matrix=matrix), 0)
    assert np.isfinite(scorer.raw(np.full((2, 5), np.nan, dtype=np.float32))).all()
