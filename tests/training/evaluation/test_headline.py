"""The overall figures of a test set."""

import numpy as np
import pytest

from training.evaluation.headline import NAMES, NEEDED, at_base_rate, estimates
from training.evaluation.intervals import draw, wilson
from training.evaluation.metrics import recall_name


def test_figures_with_too_few_accounts_say_so() -> None:
    label = np.array([True] * 10 + [False] * 500)
    got = {f.name: f for f in estimates(label, label * 0.9, np.full(510, -1), seed=1, replicates=20)}
    assert got[recall_name(0.01)].value == 1.0
    assert got[recall_name(0.001)].value is None
    assert got[recall_name(0.001)].note == "needs 1,000 accounts that are not true, there are 500"


def test_a_test_set_without_true_accounts_has_no_recall() -> None:
    got = estimates(np.zeros(50, dtype=bool), np.linspace(0, 1, 50), np.full(50, -1), seed=1, replicates=5)
    assert [f.name for f in got if f.value is not None] == ["brier", "ece"]


def test_a_perfect_recall_still_has_an_interval() -> None:
    label = np.array([True] * 10 + [False] * 200)
    got = estimates(label, label.astype(float), np.full(210, -1), seed=1, replicates=20)
    recall = next(f for f in got if f.name == recall_name(0.01))
    assert recall.value == recall.high == 1.0
    assert recall.low == pytest.approx(wilson(1.0, 10)[0])


def test_campaigns_found_whole_or_not_at_all_widen_the_interval() -> None:
    campaign = np.concatenate([np.repeat(np.arange(6), 50), np.full(1000, -1)])
    label = campaign >= 0
    risk = np.where(label & (campaign < 3), 0.9, 0.1 * np.random.default_rng(1).random(1300))
    in_campaign, single = (
        next(f for f in estimates(label, risk, c, seed=2) if f.name == recall_name(0.01))
        for c in (campaign, np.full(1300, -1))
    )
    assert in_campaign.value == single.value
    assert in_campaign.high - in_campaign.low > 2 * (single.high - single.low)


def test_one_campaign_is_noted() -> None:
    label = np.array([True] * 10 + [False] * 200)
    got = estimates(label, label * 0.5, np.where(label, 0, -1), seed=1, replicates=10)
    assert got[0].note.startswith("one campaign")


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    rng = np.random.default_rng(3)
    label = rng.random(2000) < 0.1
    risk = np.clip(rng.normal(0.2 + 0.3 * label, 0.2), 0, 1)
    codes = np.where(label, rng.integers(0, 5, 2000), -1)
    first, again = (estimates(label, risk, codes, seed=4, replicates=40) for _ in range(2))
    assert first == again
    assert all(f.low <= f.value <= f.high for f in first if f.value is not None)
    assert first != estimates(label, risk, codes, seed=5, replicates=40)


def test_given_draws_stand_for_the_seed() -> None:
    label = np.array([True] * 20 + [False] * 300)
    risk, codes = np.random.default_rng(1).random(320), np.full(320, -1)
    same = estimates(label, risk, codes, seed=9, draws=draw(label, codes, 25, 4))
    assert same == estimates(label, risk, codes, seed=4, replicates=25)


def test_a_rarer_base_rate_gives_a_lower_precision() -> None:
    rng = np.random.default_rng(3)
    label = rng.random(5000) < 0.1
    risk = np.clip(rng.normal(0.2 + 0.3 * label, 0.2), 0, 1)
    got = {f.name: f.value for f in estimates(label, risk, np.full(5000, -1), seed=4, replicates=5)}
    assert got["pr_auc"] > got[at_base_rate(0.01)] > got[at_base_rate(0.001)] > 0


@pytest.mark.parametrize("honest,carried", [(98, False), (99, True), (998, True)])
def test_a_base_rate_needs_so_many_honest_accounts_that_one_is_not_worth_all_true_ones(
    honest: int, carried: bool
) -> None:
    label = np.array([True] * 10 + [False] * honest)
    got = {f.name: f for f in estimates(label, label * 0.9, np.full(10 + honest, -1), seed=1, replicates=5)}
    assert (got[at_base_rate(0.01)].value is not None) is carried
    assert got[at_base_rate(0.001)].note == f"needs 999 accounts that are not true, there are {honest}"
    assert NEEDED[at_base_rate(0.001)] == 999


def test_the_figures_come_in_one_order() -> None:
    label = np.array([True] * 10 + [False] * 200)
    assert tuple(f.name for f in estimates(label, label * 0.9, np.full(210, -1), seed=1, replicates=5)) == NAMES
