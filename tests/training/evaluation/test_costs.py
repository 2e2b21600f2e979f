"""What mistakes cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from training.evaluation.costs import RATIOS, costs
from training.evaluation.intervals import draw


def curve(label: np.ndarray, risk: np.ndarray, replicates: int = 5) -> dict:
    draws = draw(label, np.full(label.size, -1), replicates, 1)
    return {cost.misses_over_alarms: cost for cost in costs(label, risk, draws)}


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_cost_counts_false_alarms_and_misses_at_the_bayes_threshold(rows: list) -> None:
    label, risk = (np.array(column) for column in zip(*rows, strict=True))
    for ratio, cost in curve(label, risk).items():
        flagged = risk * ratio >= 1 - risk  # the expected cost of leaving it is the larger one
        tied = np.isclose(risk * ratio, 1 - risk).any()
        spent = (flagged & ~label).sum() + ratio * (~flagged & label).sum()
        assert tied or cost.cost.value == pytest.approx(1000 * spent / label.size)


def test_acting_on_true_risks_is_never_dearer_than_no_model() -> None:
    rng = np.random.default_rng(1)
    risk = expit(rng.normal(-3, 2, 50_000))
    for cost in curve(rng.random(50_000) < risk, risk).values():
        assert cost.cost.value <= cost.plain * 1.01


def test_without_a_model_one_flags_everybody_or_nobody() -> None:
    label = np.array([True] * 10 + [False] * 90)
    got = curve(label, label * 0.9)
    assert [got[ratio].plain for ratio in RATIOS] == pytest.approx([100.0, 900.0, 900.0, 900.0])
    assert got[10].cost.value == 0.0


def test_risks_that_are_too_sure_cost_more_than_calibrated_ones() -> None:
    rng = np.random.default_rng(1)
    logit = rng.normal(-2, 1.5, 50_000)
    label = rng.random(50_000) < expit(logit)
    fair, sure = curve(label, expit(logit))[100], curve(label, expit(3 * logit))[100]
    assert sure.cost.value > 1.2 * fair.cost.value


def test_the_interval_of_a_cost_holds_its_value() -> None:
    rng = np.random.default_rng(1)
    risk = rng.random(500)
    for cost in curve(rng.random(500) < risk, risk, 50).values():
        assert cost.cost.low < cost.cost.value < cost.cost.high
