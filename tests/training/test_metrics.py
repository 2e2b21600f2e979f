"""Figures and their intervals, against scikit-learn and by brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss

from training.metrics import (
    average_precision,
    brier,
    expected_calibration_error,
    figures,
    held_out_precision,
    rank,
    recall_at,
    recall_name,
    resample,
    simplest,
    threshold_at,
    wilson,
)

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 3)), min_size=2, max_size=40)


def columns(drawn: list[tuple[bool, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label, score, weight = (np.array(column) for column in zip(*drawn, strict=True))
    return label.astype(bool), score / 12.0, weight.astype(float)


@given(rows)
def test_average_precision_is_that_of_scikit_learn_with_ties_and_weights(drawn) -> None:
    label, score, weight = columns(drawn)
    assume(weight[label].sum() > 0)
    got = average_precision(*rank(label, score).cumulate(weight))
    assert got == pytest.approx(average_precision_score(label, score, sample_weight=weight))


@given(rows, st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 1.0]))
def test_recall_is_the_best_of_all_thresholds_that_keep_the_rate(drawn, rate: float) -> None:
    label, score, _ = columns(drawn)
    assume(label.any() and not label.all())
    levels = [*np.unique(score), 2.0]
    allowed = [t for t in levels if (score[~label] >= t).mean() <= rate + 1e-12]
    best = max((score[label] >= t).mean() for t in allowed)
    assert recall_at(*rank(label, score).cumulate(np.ones(label.size)), rate) == pytest.approx(best)


@given(rows, st.sampled_from([0.0, 0.1, 0.3, 1.0]))
def test_a_threshold_keeps_its_rate_and_gives_the_recall(drawn, rate: float) -> None:
    label, score, _ = columns(drawn)
    assume(label.any() and not label.all())
    threshold = threshold_at(label, score, rate)
    assert (score[~label] >= threshold).mean() <= rate + 1e-12
    expected = recall_at(*rank(label, score).cumulate(np.ones(label.size)), rate)
    assert (score[label] >= threshold).mean() == pytest.approx(expected)


def test_a_tie_of_true_and_other_accounts_does_not_help() -> None:
    label = np.array([True] * 5 + [False] * 5)
    assert recall_at(*rank(label, np.ones(10)).cumulate(np.ones(10)), 0.2) == 0.0


@given(rows)
def test_brier_is_that_of_scikit_learn(drawn) -> None:
    label, risk, weight = columns(drawn)
    assume(weight.sum() > 0)
    assert brier(label, risk, weight) == pytest.approx(brier_score_loss(label, risk, sample_weight=weight))


def test_the_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    risk = np.array([0.05] * 10 + [0.95] * 10)
    label = np.array([True] + [False] * 9 + [True] * 8 + [False] * 2)
    assert expected_calibration_error(label, risk, np.ones(20)) == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)


def test_risks_that_are_the_truth_have_a_small_calibration_error() -> None:
    rng = np.random.default_rng(0)
    risk = rng.random(50_000)
    assert expected_calibration_error(rng.random(50_000) < risk, risk, np.ones(50_000)) < 0.01


def test_figures_with_too_few_accounts_say_so() -> None:
    label = np.array([True] * 10 + [False] * 500)
    got = {f.name: f for f in figures(label, label * 0.9, np.full(510, -1), seed=1, replicates=20)}
    assert got[recall_name(0.01)].value == 1.0
    assert got[recall_name(0.001)].value is None
    assert got[recall_name(0.001)].note == "needs 1,000 accounts that are not true, there are 500"


def test_a_test_set_without_true_accounts_has_no_recall() -> None:
    got = figures(np.zeros(50, dtype=bool), np.linspace(0, 1, 50), np.full(50, -1), seed=1, replicates=5)
    assert [f.value is None for f in got] == [True] * 5 + [False] * 2


def test_a_perfect_recall_still_has_an_interval() -> None:
    label = np.array([True] * 10 + [False] * 200)
    got = figures(label, label.astype(float), np.full(210, -1), seed=1, replicates=20)
    recall = next(f for f in got if f.name == recall_name(0.01))
    assert recall.value == recall.high == 1.0
    assert recall.low == pytest.approx(wilson(1.0, 10)[0])


def test_campaigns_found_whole_or_not_at_all_widen_the_interval() -> None:
    campaign = np.concatenate([np.repeat(np.arange(6), 50), np.full(1000, -1)])
    label = campaign >= 0
    risk = np.where(label & (campaign < 3), 0.9, 0.1 * np.random.default_rng(1).random(1300))
    grouped, single = (
        next(f for f in figures(label, risk, c, seed=2) if f.name == recall_name(0.01))
        for c in (campaign, np.full(1300, -1))
    )
    assert grouped.value == single.value
    assert grouped.high - grouped.low > 2 * (single.high - single.low)


def test_one_campaign_is_noted() -> None:
    label = np.array([True] * 10 + [False] * 200)
    got = figures(label, label * 0.5, np.where(label, 0, -1), seed=1, replicates=10)
    assert got[0].note.startswith("one campaign")


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    rng = np.random.default_rng(3)
    label = rng.random(2000) < 0.1
    risk = np.clip(rng.normal(0.2 + 0.3 * label, 0.2), 0, 1)
    codes = np.where(label, rng.integers(0, 5, 2000), -1)
    first, again = (figures(label, risk, codes, seed=4, replicates=40) for _ in range(2))
    assert first == again
    assert all(f.low <= f.value <= f.high for f in first if f.value is not None)
    assert first != figures(label, risk, codes, seed=5, replicates=40)


def test_resampling_keeps_the_expected_weight_of_every_row() -> None:
    label = np.array([True] * 6 + [False] * 4)
    codes = np.array([0, 0, 0, 1, 1, -1, -1, -1, -1, -1])
    mean = np.mean(list(resample(label, codes, 4000, 1)), axis=0)
    assert mean == pytest.approx(np.ones(10), abs=0.1)


def test_held_out_precision_counts_weights_over_all_folds_at_once() -> None:
    label, score = np.array([True, False, True]), np.array([3.0, 2.0, 1.0])
    assert held_out_precision(label, score, np.array([1.0, 2.0, 1.0])) == pytest.approx((1.0 + 0.5) / 2)


def test_the_simplest_of_nearly_equal_choices_is_taken() -> None:
    assert simplest([0.80, 0.899, 0.9]) == 1
