"""Measures, against scikit-learn and by brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss

from training.evaluation.metrics import (
    Estimate,
    average_precision,
    average_precision_at,
    brier,
    cut_at,
    expected_calibration_error,
    held_out_precision,
    named,
    rank,
    recall_at,
    recall_name,
    simplest,
    threshold_at,
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


def test_a_threshold_counts_each_row_by_its_weight() -> None:
    label, score = np.zeros(10, dtype=bool), np.arange(10) / 10
    assert (score >= threshold_at(label, score, 0.2)).sum() == 2
    weight = np.array([1.0] * 6 + [0.25] * 4)  # of 7 in all, a fifth is 1.4
    assert (score >= threshold_at(label, score, 0.2, weight)).sum() == 4


def test_a_tie_of_true_and_other_accounts_does_not_help() -> None:
    label = np.array([True] * 5 + [False] * 5)
    assert recall_at(*rank(label, np.ones(10)).cumulate(np.ones(10)), 0.2) == 0.0


@given(rows, st.sampled_from([0.5, 0.01, 0.001]))
def test_average_precision_at_a_base_rate_is_that_of_scikit_learn_with_reweighted_rows(drawn, rate: float) -> None:
    label, score, weight = columns(drawn)
    true, false = weight[label].sum(), weight[~label].sum()
    assume(true > 0 and false > 0)
    reweighted = np.where(label, weight, weight * (1 - rate) / rate * true / false)
    got = average_precision_at(*rank(label, score).cumulate(weight), rate)
    assert got == pytest.approx(average_precision_score(label, score, sample_weight=reweighted))


@given(rows)
def test_the_own_base_rate_gives_the_plain_average_precision(drawn) -> None:
    label, score, _ = columns(drawn)
    assume(label.any() and not label.all())
    whole = rank(label, score).cumulate(np.ones(label.size))
    assert average_precision_at(*whole, label.mean()) == pytest.approx(average_precision(*whole))


@given(rows, st.sampled_from([0.0, 0.1, 0.3, 1.0]))
def test_the_trace_of_true_rows_gives_what_all_ties_give(drawn, rate: float) -> None:
    label, score, weight = columns(drawn)
    ranking = rank(label, score)
    all_of_them, trace = ranking.cumulate(weight), ranking.trace(weight)
    assert average_precision(*trace) == pytest.approx(average_precision(*all_of_them), nan_ok=True)
    assert recall_at(*trace, rate) == pytest.approx(recall_at(*all_of_them, rate), nan_ok=True)


@given(rows, st.integers(0, 2**32))
def test_many_resamples_at_once_give_what_each_gives_alone(drawn, seed: int) -> None:
    label, score, _ = columns(drawn)
    weight = np.random.default_rng(seed).poisson(1, (5, label.size)).astype(float)
    ranking = rank(label, score)
    measures = [
        lambda w: average_precision(*ranking.trace(w)),
        lambda w: average_precision_at(*ranking.trace(w), 0.01),
        lambda w: recall_at(*ranking.trace(w), 0.1),
        lambda w: brier(label, score, w),
        lambda w: expected_calibration_error(label, score, w),
        lambda w: cut_at(ranking.cumulate(w)[1], 0.1),
    ]
    for measure in measures:
        assert measure(weight) == pytest.approx(np.array([measure(row) for row in weight]), nan_ok=True)


@given(rows, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_a_cut_takes_the_ties_that_its_threshold_takes(drawn, rate: float) -> None:
    label, score, _ = columns(drawn)
    assume(not label.all())
    ranking = rank(label, score)
    taken = ranking.tie < cut_at(ranking.cumulate(np.ones(label.size))[1], rate)
    assert np.array_equal(taken, score >= threshold_at(label, score, rate))


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


def test_held_out_precision_counts_weights_over_all_folds_at_once() -> None:
    label, score = np.array([True, False, True]), np.array([3.0, 2.0, 1.0])
    assert held_out_precision(label, score, np.array([1.0, 2.0, 1.0])) == pytest.approx((1.0 + 0.5) / 2)


def test_the_simplest_of_nearly_equal_choices_is_taken() -> None:
    assert simplest([0.80, 0.899, 0.9]) == 1


def test_a_figure_is_found_by_its_name() -> None:
    estimates = (Estimate(name="a", value=1.0), Estimate(name="b", value=None))
    assert named(estimates, "b") is estimates[1]
    with pytest.raises(KeyError, match="c"):
        named(estimates, "c")


def test_the_name_of_a_recall_holds_its_rate_in_plain_digits() -> None:
    assert [recall_name(rate) for rate in (0.01, 0.0001, 0.00001)] == [
        "recall_at_fpr_0.01",
        "recall_at_fpr_0.0001",
        "recall_at_fpr_0.00001",
    ]
