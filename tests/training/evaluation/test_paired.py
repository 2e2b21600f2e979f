"""Two models on the same accounts."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from training.evaluation.paired import differences

NOBODY = np.full(2000, -1)


@pytest.fixture
def label() -> np.ndarray:
    return np.arange(2000) < 100


def risks(label: np.ndarray, strength: float, seed: int) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(size=label.size) + strength * label
    return 1 / (1 + np.exp(-(2 * raw - 5)))


def recall(label: np.ndarray, risk: np.ndarray, rate: float) -> float:
    honest = np.sort(risk[~label])[::-1]
    return float((risk[label] > honest[int(rate * honest.size)]).mean())


def test_a_model_gains_nothing_on_itself(label: np.ndarray) -> None:
    risk = risks(label, 2.0, 0)
    for gain in differences(label, risk, risk, NOBODY, seed=1, replicates=20):
        assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_differences_are_those_of_the_figures_with_errors_turned_round(label: np.ndarray) -> None:
    ours, theirs = risks(label, 2.0, 0), risks(label, 1.0, 1)
    values = {
        difference.name: difference.value
        for difference in differences(label, ours, theirs, NOBODY, seed=1, replicates=20)
    }
    assert values["pr_auc"] == pytest.approx(
        average_precision_score(label, ours) - average_precision_score(label, theirs)
    )
    assert values["brier"] == pytest.approx(brier_score_loss(label, theirs) - brier_score_loss(label, ours))
    ours_recall, theirs_recall = (recall(label, risk, 0.01) for risk in (ours, theirs))
    assert values["recall_at_fpr_0.01"] == pytest.approx(ours_recall - theirs_recall)


def test_the_interval_of_a_difference_is_shorter_than_that_of_either_model(label: np.ndarray) -> None:
    ours = risks(label, 2.0, 0)
    theirs = np.clip(ours + np.random.default_rng(2).normal(0, 0.01, ours.size), 0, 1)
    gain = next(g for g in differences(label, ours, theirs, NOBODY, seed=1) if g.name == "pr_auc")
    nothing = np.full(label.size, 0.5)
    alone = next(g for g in differences(label, ours, nothing, NOBODY, seed=1) if g.name == "pr_auc")
    assert gain.high - gain.low < (alone.high - alone.low) / 2


def test_a_much_better_model_gains_surely_and_the_other_loses_as_much(label: np.ndarray) -> None:
    ours, theirs = risks(label, 3.0, 0), risks(label, 0.5, 1)
    forth = {g.name: g for g in differences(label, ours, theirs, NOBODY, seed=1)}
    back = {g.name: g for g in differences(label, theirs, ours, NOBODY, seed=1)}
    for name in ("pr_auc", "recall_at_fpr_0.01", "brier"):
        assert forth[name].low > 0
        assert back[name].high < 0
        assert back[name].value == pytest.approx(-forth[name].value)


def test_what_the_counts_cannot_carry_is_left_empty() -> None:
    label = np.arange(500) < 20
    estimates = {
        difference.name: difference
        for difference in differences(label, risks(label, 1.0, 0), risks(label, 1.0, 1), NOBODY[:500], seed=1)
    }
    assert estimates["recall_at_fpr_0.001"].value is None
    assert estimates["recall_at_fpr_0.01"].value is not None
    nothing = differences(np.zeros(50, bool), np.zeros(50), np.zeros(50), NOBODY[:50], seed=1)
    assert next(g for g in nothing if g.name == "pr_auc").value is None
