"""Resamples and intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.intervals import draw, measured, resample, unknown, wilson, with_interval


def test_resampling_keeps_the_expected_weight_of_every_row() -> None:
    label = np.array([True] * 6 + [False] * 4)
    codes = np.array([0, 0, 0, 1, 1, -1, -1, -1, -1, -1])
    mean = np.mean(list(resample(label, codes, 4000, 1)), axis=0)
    assert mean == pytest.approx(np.ones(10), abs=0.1)


def test_accounts_of_a_campaign_are_drawn_or_left_out_together() -> None:
    label = np.ones(400, dtype=bool)
    draws = draw(label, np.repeat([0, 1], 200), 30, 1)
    left_out = (draws.reshape(30, 2, 200).sum(axis=2) == 0).sum()
    assert left_out > 5


def test_draws_are_the_resamples_and_repeat_with_the_seed() -> None:
    label, codes = np.ones(50, dtype=bool), np.full(50, -1)
    assert np.array_equal(draw(label, codes, 7, 3), np.array(list(resample(label, codes, 7, 3))))
    assert not np.array_equal(draw(label, codes, 7, 3), draw(label, codes, 7, 4))
    assert draw(label, codes, 0, 3).shape == (0, 50)


def test_a_measure_of_many_draws_is_that_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = draw(np.ones(50, dtype=bool), np.full(50, -1), 21, 3)
    whole = measured(draws, lambda weight: weight.sum(axis=-1))
    monkeypatch.setattr("training.evaluation.intervals._CELLS", 200)
    assert np.array_equal(measured(draws, lambda weight: weight.sum(axis=-1)), whole)
    assert np.array_equal(whole, draws.sum(axis=1))
    assert measured(draws[:0], lambda weight: weight.sum(axis=-1)).size == 0


@given(st.floats(0, 1), st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=30), st.integers(1, 500))
def test_an_interval_holds_its_value_and_is_not_narrower_than_that_of_the_count(
    value: float, drawn: list[float], count: int
) -> None:
    plain, wide = (with_interval("x", value, np.array(drawn), n) for n in (None, count))
    assert plain.low <= value <= plain.high
    low, high = wilson(value, count)
    assert wide.low <= min(low, plain.low)
    assert wide.high >= max(high, plain.high)


def test_the_interval_of_a_share_is_that_of_wilson() -> None:
    # 8 of 10: Wilson (1927) by the published formula
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0.0, 0) == (0.0, 1.0)
    assert wilson(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)


def test_what_the_counts_cannot_carry_has_no_value_and_says_why() -> None:
    estimate = unknown("x", "too few")
    assert (estimate.value, estimate.low, estimate.high, estimate.note) == (None, None, None, "too few")
