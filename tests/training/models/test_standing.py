"""Standing: it keeps the ranking, whatever the scale, and says which share scores lower."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.models.standing import (
    LEAST_ACCOUNTS,
    SEGMENT,
    ReferenceAccounts,
    Standing,
    fit_reference,
    fit_standing,
)

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=60)


@settings(deadline=None)
@given(scores, scores)
def test_a_higher_score_never_has_a_lower_standing(fitted: list[float], asked: list[float]) -> None:
    normal = fit_standing(np.array(fitted)).normal_scores(np.sort(asked))
    assert (np.diff(normal) > -1e-9).all() and np.isfinite(normal).all()


def test_a_share_is_the_share_of_accounts_that_score_lower() -> None:
    drawn = np.random.default_rng(1).standard_cauchy(5_000)
    standing = fit_standing(drawn)
    for quantile in (0.02, 0.3, 0.5, 0.9, 0.999):
        assert standing.shares(np.quantile(drawn, [quantile]))[0] == pytest.approx(quantile, abs=0.002)


def test_stretching_the_scores_changes_no_standing() -> None:
    drawn = np.random.default_rng(2).normal(size=1_000)
    first, second = fit_standing(drawn), fit_standing(7 * drawn - 3)
    assert np.allclose(first.normal_scores(drawn), second.normal_scores(7 * drawn - 3))


def test_beyond_all_scores_the_standing_still_grows() -> None:
    standing = fit_standing(np.linspace(0, 1, 50))
    assert (np.diff(standing.normal_scores(np.array([-9.0, -1.0, 0.0, 1.0, 2.0, 9.0]))) > 0).all()


@pytest.mark.parametrize("equal", [np.zeros(0), np.full(9, 4.0)])
def test_equal_scores_all_stand_in_the_middle(equal: np.ndarray) -> None:
    assert fit_standing(equal).shares(equal) == pytest.approx(np.full(equal.size, 0.5))


@pytest.mark.parametrize("knots", [((0.0, 0.0), (1.0, 2.0)), ((0.0, 1.0), (2.0, 2.0)), ((0.0,), (1.0,))])
def test_knots_that_do_not_rise_are_refused(knots: tuple) -> None:
    with pytest.raises(ValueError, match="finite and rise strictly"):
        Standing(*knots)


def reference_of(plans: list[float], values: list[float]) -> ReferenceAccounts:
    matrix = np.column_stack([values, plans]).astype(np.float32)
    return fit_reference(np.linspace(0.01, 0.9, len(plans)), matrix, ("value", SEGMENT))


def test_a_percentile_is_the_share_of_reference_accounts_with_a_lower_risk() -> None:
    risks = np.random.default_rng(3).beta(0.5, 20.0, size=4_000)
    reference = fit_reference(risks, np.zeros((4_000, 1), dtype=np.float32), ("value",))
    for quantile in (0.02, 0.5, 0.9, 0.999):
        percentile = reference.percentiles(np.quantile(risks, [quantile]))[0]
        assert percentile == pytest.approx(100 * quantile, abs=0.3)
    extremes = reference.percentiles(np.array([0.0, 1.0, np.nan]))
    assert extremes[:2].tolist() == [0.0, 100.0] and np.isnan(extremes[2])


def test_an_account_is_compared_with_its_plan_or_with_all_where_that_is_small_or_not_known() -> None:
    few = LEAST_ACCOUNTS - 1
    plans = [0.0] * 100 + [3.0] * LEAST_ACCOUNTS + [2.0] * few + [np.nan] * 5
    values = [1.0] * 100 + [9.0] * LEAST_ACCOUNTS + [7.0] * few + [5.0] * 5
    reference = reference_of(plans, values)
    assert reference.segments == (0.0, 3.0)
    typical = reference.typical(np.array([0.0, 3.0, 2.0, 1.0, 9.0, np.nan]))[:, 0]
    assert typical.tolist() == [1.0, 9.0, 1.0, 1.0, 1.0, 1.0]


def test_a_feature_that_a_plan_does_not_have_is_compared_with_all_accounts_and_one_of_nobody_with_none() -> None:
    plans, values = [0.0] * 30 + [1.0] * 30, [np.nan] * 30 + [4.0] * 30
    assert reference_of(plans, values).typical(np.zeros(1))[0, 0] == 4.0
    assert np.isnan(reference_of(plans, [np.nan] * 60).typical(np.zeros(1))[0, 0])


def test_without_plans_all_accounts_are_one_reference() -> None:
    matrix = np.array([[1.0], [2.0], [9.0]], dtype=np.float32)
    reference = fit_reference(np.array([0.1, 0.2, 0.3]), matrix, ("value",))
    assert reference.typical(np.array([np.nan, 3.0])).tolist() == [[2.0], [2.0]]


@pytest.mark.parametrize(("segments", "rows"), [((1.0,), 1), ((), 2), ((2.0, 1.0), 3)])
def test_medians_that_do_not_fit_their_segments_are_refused(segments: tuple[float, ...], rows: int) -> None:
    with pytest.raises(ValueError, match="do not fit their segments"):
        ReferenceAccounts(Standing((0.0, 1.0), (0.0, 1.0)), segments, np.zeros((rows, 2)))
