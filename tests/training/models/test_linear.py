"""The linear model without scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.examples.rows import TrainingRows
from training.models.linear import Linear
from training.models.logistic_regression import LogisticRegression


def fitted(seed: int) -> tuple[Linear, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(300, 7)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    label = np.nan_to_num(matrix[:, 0]) + rng.normal(size=300) > 0.5
    rows = TrainingRows(
        features=tuple("abcdefg"),
        matrix=matrix,
        label=label,
        weight=np.ones(300),
        fold=np.zeros(300, dtype=np.int64),
    )
    return LogisticRegression(strength=0.1).fit(rows, seed), matrix


def test_contributions_and_the_median_account_add_up_to_the_score() -> None:
    linear, matrix = fitted(0)
    assert linear.raw(matrix) == pytest.approx(linear.contributions(matrix).sum(axis=1) + linear.intercept)


@given(st.integers(0, 250), st.integers(1, 50))
def test_a_row_has_the_same_bits_alone_and_among_others(begin: int, count: int) -> None:
    linear, matrix = fitted(1)
    together = linear.raw(matrix)
    assert np.array_equal(linear.raw(matrix[begin : begin + count]), together[begin : begin + count])


def test_an_absurd_value_counts_no_more_than_five_deviations() -> None:
    linear, matrix = fitted(2)
    absurd = matrix[:1].copy()
    absurd[0, 0] = np.float32(3e38)
    assert abs(linear.contributions(absurd)[0, 0]) <= 5 * abs(linear.coefficients[0])
    assert np.isfinite(linear.raw(absurd)).all()
