"""Resamples and intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

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


@given(st.integers(1, 3000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_of_whole_hits_is_that_of_scipy(hits_of: tuple[int, int]) -> None:
    hits, count = hits_of
    low, high = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits / count, count) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [  # by the closed formula with z = 1.959964, which was rounded in its seventh digit
        (0, 1, 0.0, 0.7934506882081973),
        (8, 10, 0.4901624691221323, 0.9433178490622331),
        (2.5, 10, 0.08094782352695022, 0.5578185779860787),
        (10, 10, 0.7224671969739421, 0.9999999999999999),
        (37, 1000, 0.026961180808506433, 0.05058239760480626),
    ],
)
def test_the_interval_of_a_share_is_that_of_wilson(hits: float, count: int, low: float, high: float) -> None:
    assert wilson(hits / count, count) == pytest.approx((low, high), abs=1e-8)


def test_no_account_says_nothing_about_a_share() -> None:
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_what_the_counts_cannot_carry_has_no_value_and_says_why() -> None:
    estimate = unknown("x", "too few")
    assert (estimate.value, estimate.low, estimate.high, estimate.note) == (None, None, None, "too few")
