"""A candidate that is shown some of the columns."""

from dataclasses import replace

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
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_columns_that_it_is_not_shown_change_nothing(rows: TrainingRows) -> None:
    narrow = Narrow(LogisticRegression(), FEW)
    other = rows.matrix.copy()
    other[:, rows.features.index("requests_28d")] = 0
    assert np.array_equal(narrow.fit(rows, 0).raw(rows.matrix), narrow.fit(rows, 0).raw(other))


def test_it_scores_as_the_candidate_does_on_a_table_of_these_columns(rows: TrainingRows) -> None:
    small = rows.matrix[:, [rows.features.index(name) for name in FEW]]
    alone = replace(rows, features=FEW, matrix=small)
    tuned, scores = Narrow(LogisticRegression(), FEW).tune(rows, 0)
    plain, expected = LogisticRegression().tune(alone, 0)
    assert np.array_equal(scores, expected)
    assert tuned.parameters() == plain.parameters()
    assert tuned.name == "logistic_regression"


def test_a_column_that_is_missing_is_named(rows: TrainingRows) -> None:
    with pytest.raises(InputError, match=r"\['nope'\] are not among those"):
        Narrow(LogisticRegression(), ("nope",)).fit(rows, 0)
