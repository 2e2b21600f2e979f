"""Standing: it keeps the ranking, whatever the scale, and says which share scores lower."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.models.standing import Standing, fit_standing

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
