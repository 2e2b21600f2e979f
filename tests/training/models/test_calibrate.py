"""Calibration: it keeps the ranking and gives probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from training.evaluation.metrics import brier, expected_calibration_error
from training.models.calibrate import (
    MAX_RATE,
    MIN_RATE,
    Calibrator,
    estimated_rate,
    fit_calibrator,
)

scores = st.lists(st.floats(-12, 12), min_size=4, max_size=60, unique_by=lambda x: round(x, 4))


@settings(max_examples=150, deadline=None)
@given(scores, st.data())
def test_calibration_keeps_every_ranking_without_ties(drawn: list[float], data) -> None:
    label = np.array(data.draw(st.lists(st.booleans(), min_size=len(drawn), max_size=len(drawn))))
    raw = np.array(drawn)
    curve = fit_calibrator(raw, label)
    wide = np.sort(np.concatenate([raw, [-80.0, -40.0, 40.0, 80.0]]))
    risk = curve.apply(wide)
    assert (np.diff(risk) > 0).all()
    assert risk.min() > 0 and risk.max() < 1


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=50))
def test_a_higher_score_never_gets_a_lower_risk(drawn: list[float]) -> None:
    curve = Calibrator((-3.0, -1.0, 0.5, 4.0), (-6.0, -2.5, -2.4, 3.0), 0.1)
    assert (np.diff(curve.apply(np.sort(drawn))) >= 0).all()


@pytest.mark.parametrize("slope,shift,base", [(2.5, -4.0, 0.02), (0.4, 1.0, 0.2), (1.0, 0.0, 0.5)])
def test_badly_scaled_scores_become_probabilities(slope: float, shift: float, base: float) -> None:
    rng = np.random.default_rng(1)
    label = rng.random(20_000) < base
    odds = rng.normal(np.where(label, 1.5, -1.5), 1.7320508) + np.log(base / (1 - base))
    raw = (odds - shift) / slope
    curve = fit_calibrator(raw[:10_000], label[:10_000])
    risk = curve.apply(raw[10_000:])
    assert expected_calibration_error(label[10_000:], risk, np.ones(10_000)) < 0.03
    ideal = brier(label[10_000:], expit(odds[10_000:]), np.ones(10_000))
    assert brier(label[10_000:], risk, np.ones(10_000)) < ideal * 1.05


rates = st.floats(1e-5, 1 - 1e-5)
KNOTS = ((-3.0, -1.0, 0.5, 4.0), (-6.0, -2.5, -2.4, 3.0))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=50), rates, rates)
def test_another_base_rate_keeps_the_ranking_and_multiplies_all_odds_alike(
    drawn: list[float], before: float, after: float
) -> None:
    curve = Calibrator(*KNOTS, before)
    raw = np.sort(drawn)
    moved = curve.at(after)
    assert moved.base_rate == after
    assert (np.diff(moved.apply(raw)) >= 0).all()
    assert np.allclose(moved.bend(raw) - curve.bend(raw), logit(after) - logit(before), atol=1e-9)


@given(rates, rates)
def test_going_to_another_base_rate_and_back_gives_the_same_curve(before: float, after: float) -> None:
    curve = Calibrator(*KNOTS, before)
    back = curve.at(after).at(before)
    assert (back.score, back.base_rate) == (curve.score, curve.base_rate)
    assert np.allclose(back.log_odds, curve.log_odds, atol=1e-9)


def test_a_curve_that_was_fitted_at_one_base_rate_is_calibrated_at_another() -> None:
    rng = np.random.default_rng(4)
    label, rare = rng.random(20_000) < 0.3, rng.random(60_000) < 0.02
    raw, later = (rng.normal(np.where(side, 1.0, -1.0), 1.4142136) for side in (label, rare))
    risk = fit_calibrator(raw, label).at(0.02).apply(later)
    assert risk.mean() == pytest.approx(0.02, rel=0.15)
    assert expected_calibration_error(rare, risk, np.ones(60_000)) < 0.01


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_base_rate_outside_of_0_to_1_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="a base rate lies between 0 and 1"):
        Calibrator(*KNOTS, 0.1).at(rate)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_curve_that_saw_one_class_only_can_be_moved_too(rate: float) -> None:
    assert np.isfinite(Calibrator(*KNOTS, rate).at(0.01).log_odds).all()


def test_a_bent_relation_is_followed_better_than_by_a_line() -> None:
    rng = np.random.default_rng(2)
    raw = rng.uniform(-4, 4, 20_000)
    truth = np.where(raw < 0, 0.05, expit(raw * 1.5 - 2))
    label = rng.random(20_000) < truth
    assert np.abs(fit_calibrator(raw, label).apply(raw) - truth).mean() < 0.03


def test_scores_that_are_the_wrong_way_round_do_not_turn_the_ranking() -> None:
    raw = np.linspace(-2, 2, 200)
    curve = fit_calibrator(raw, raw < -1)
    assert (np.diff(curve.apply(raw)) > 0).all()


@pytest.mark.parametrize("label", [np.zeros(30, bool), np.ones(30, bool)])
def test_one_class_gives_risks_about_the_base_rate(label: np.ndarray) -> None:
    risk = fit_calibrator(np.linspace(-1, 1, 30), label).apply(np.zeros(1))
    assert risk == pytest.approx([1 - 1 / 32 if label.all() else 1 / 32], rel=0.05)


def test_perfect_separation_stays_short_of_certainty() -> None:
    raw = np.concatenate([np.full(20, 5.0), np.linspace(-6, -5, 500)])
    risk = fit_calibrator(raw, raw > 0).apply(np.array([-6.0, 5.0]))
    assert 1e-6 < risk[0] < 0.01 and 0.6 < risk[1] < 0.999


@pytest.mark.parametrize("knots", [((0.0, 0.0), (1.0, 2.0)), ((0.0, 1.0), (2.0, 2.0)), ((0.0,), (1.0,))])
def test_knots_that_do_not_rise_are_refused(knots: tuple) -> None:
    with pytest.raises(ValueError, match="rise strictly"):
        Calibrator(*knots, 0.1)


def draw_scores(size: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels; true accounts score two and a half deviations higher."""
    rng = np.random.default_rng(seed)
    label = rng.random(size) < rate
    return rng.normal(2.5 * label, 1.0), label


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.2])
def test_the_base_rate_is_found_again_where_true_and_other_accounts_score_as_before(rate: float) -> None:
    scores, label = draw_scores(20_000, 0.1, seed=1)
    calibrator = fit_calibrator(scores, label)
    other, true = draw_scores(40_000, rate, seed=2)
    assert estimated_rate(calibrator, other) == pytest.approx(true.mean(), rel=0.2)


def test_an_estimated_base_rate_stays_within_its_bounds() -> None:
    scores, label = draw_scores(5_000, 0.1, seed=1)
    calibrator = fit_calibrator(scores, label)
    assert estimated_rate(calibrator, np.full(100, -50.0)) >= MIN_RATE
    assert estimated_rate(calibrator, np.full(100, 50.0)) <= MAX_RATE
