"""A candidate that is shown some of the columns."""

import numpy as np
import pytest

from features.errors import InputError
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows
from training.models.logistic_regression import LogisticRegression
from training.models.narrow import Narrow

FEW = ("sharing", "template_share")


@pytest.fixture(scope="module")
def data(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_columns_that_it_is_not_shown_change_nothing(data: TrainingRows) -> None:
    narrow = Narrow(LogisticRegression(), FEW)
    other = data.matrix.copy()
    other[:, data.features.index("requests_28d")] = 0
    assert np.array_equal(narrow.fit(data, 0).raw(data.matrix), narrow.fit(data, 0).raw(other))


def test_it_scores_as_the_candidate_does_on_a_table_of_these_columns(data: TrainingRows) -> None:
    small = data.matrix[:, [data.features.index(name) for name in FEW]]
    alone = TrainingRows(FEW, small, data.label, data.weight, data.fold)
    tuned, scores = Narrow(LogisticRegression(), FEW).tune(data, 0)
    plain, expected = LogisticRegression().tune(alone, 0)
    assert np.array_equal(scores, expected)
    assert tuned.parameters() == plain.parameters()
    assert tuned.name == "logistic_regression"


def test_a_column_that_is_missing_is_named(data: TrainingRows) -> None:
    with pytest.raises(InputError, match=r"\['nope'\] are not among those"):
        Narrow(LogisticRegression(), ("nope",)).fit(data, 0)
