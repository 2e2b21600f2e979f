"""The review threshold and the queue."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.intervals import draw
from training.evaluation.review import DEPTHS, queue, review


def judged(count: int, seed: int = 0, levels: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.random(count) < 0.2
    return label, rng.integers(0, levels, count) / levels + 0.2 * label


def test_the_review_block_counts_at_or_above_the_threshold() -> None:
    label = np.array([True, True, False, False])
    reviewed = review(label, np.array([0.5, 0.2, 0.5, 0.1]), 0.5)
    assert (reviewed.flagged, reviewed.recall, reviewed.precision, reviewed.false_positive_rate) == (2, 0.5, 0.5, 0.5)


def test_shares_of_nothing_are_unknown() -> None:
    reviewed = review(np.zeros(3, dtype=bool), np.zeros(3), 0.5)
    assert (reviewed.flagged, reviewed.recall, reviewed.precision) == (0, None, None)


@given(seed=st.integers(0, 2**32), levels=st.sampled_from([3, 1000]))
def test_the_precision_of_the_queue_is_that_of_many_shuffled_ties(seed: int, levels: int) -> None:
    label, risk = judged(100, seed, levels)
    got = queue(label, risk, draw(label, np.full(100, -1), 3, 1))[0]
    rng = np.random.default_rng(1)
    shuffled = []
    for _ in range(400):
        order = np.lexsort([rng.random(100), -risk])
        shuffled.append(label[order][:10].mean())
    assert got.value == pytest.approx(np.mean(shuffled), abs=0.05)


def test_a_queue_that_is_too_long_for_the_set_has_no_value() -> None:
    label, risk = judged(1000)
    got = queue(label, risk, draw(label, np.full(1000, -1), 20, 1))
    assert [f.name for f in got] == [f"top_{depth}" for depth in DEPTHS]
    assert [f.value is None for f in got] == [False, False, False, True]
    assert got[-1].note == "needs 5,000 accounts, there are 1,000"
    assert all(f.low <= f.value <= f.high for f in got[:3])


def test_a_small_set_has_no_queue() -> None:
    label, risk = judged(50)
    assert {f.value for f in queue(label, risk, draw(label, np.full(50, -1), 5, 1))} == {None}


def test_campaigns_found_whole_or_not_at_all_widen_the_interval_of_the_queue() -> None:
    campaign = np.concatenate([np.repeat(np.arange(6), 50), np.full(1000, -1)])
    label = campaign >= 0
    risk = np.where(label & (campaign < 1), 0.9, 0.1 + 0.1 * np.random.default_rng(1).random(1300))
    in_campaign, single = (queue(label, risk, draw(label, c, 200, 2))[2] for c in (campaign, np.full(1300, -1)))
    assert in_campaign.value == single.value
    assert in_campaign.high - in_campaign.low > 1.5 * (single.high - single.low)
