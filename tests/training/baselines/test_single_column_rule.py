"""The plain rivals."""

import numpy as np
import pytest

from features.errors import InputError
from training.baselines.single_column_rule import SingleColumnRule
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows


@pytest.fixture(scope="module")
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=300, size=15), features, Plan(), 3)


def test_the_volume_rule_ranks_by_volume_and_unknown_is_none(rows: TrainingRows) -> None:
    scorer = SingleColumnRule("requests_28d").fit(rows, 0)
    matrix = np.zeros((3, len(rows.features)), dtype=np.float32)
    matrix[:, 0] = [10, np.nan, 1000]
    assert np.argsort(scorer.raw(matrix)).tolist() == [1, 0, 2]


def test_the_volume_rule_needs_its_feature(rows: TrainingRows) -> None:
    with pytest.raises(InputError, match="'nope', which is not among"):
        SingleColumnRule("nope").fit(rows, 0)
