"""Unlabelled accounts that look like confirmed ones."""

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows
from training.fitting.suspects import MAX_SHARE, SUSPECT_WEIGHT, distrust, suspects


def mixed(seed: int, hidden: int = 20) -> tuple[TrainingRows, NDArray[np.bool_], NDArray[np.bool_]]:
    """40 confirmed accounts, `hidden` like them without a label, 400 honest; who is unlabelled, who hidden."""
    rng = np.random.default_rng(seed)
    label = np.repeat([True, False, False], [40, hidden, 400])
    is_hidden = np.repeat([False, True, False], [40, hidden, 400])
    matrix = rng.normal(size=(len(label), 5)).astype(np.float32)
    matrix[label | is_hidden, :2] += 3
    fold = rng.integers(0, 4, len(label))
    rows = TrainingRows(features=tuple("abcde"), matrix=matrix, label=label, weight=np.ones(len(label)), fold=fold)
    return rows, ~label, is_hidden


def test_unlabelled_members_of_a_campaign_are_suspected_and_honest_accounts_are_not() -> None:
    for seed in range(3):
        rows, unlabelled, hidden = mixed(seed)
        suspect = suspects(rows, unlabelled, seed)
        assert suspect[hidden].mean() >= 0.8
        assert suspect[~hidden].mean() <= 0.05


def test_a_labelled_account_is_never_a_suspect_and_at_most_a_twentieth_of_the_others_are() -> None:
    rows, unlabelled, _ = mixed(0, hidden=200)
    suspect = suspects(rows, unlabelled, 0)
    assert not suspect[~unlabelled].any()
    assert suspect.sum() <= MAX_SHARE * unlabelled.sum() + 1


def test_without_unlabelled_or_without_confirmed_accounts_nobody_is_suspected() -> None:
    rows, unlabelled, _ = mixed(0)
    assert not suspects(rows, np.zeros_like(unlabelled), 0).any()


def test_distrust_takes_weight_from_suspects_only() -> None:
    rows, _, hidden = mixed(1)
    trusted = distrust(rows, hidden)
    assert np.array_equal(trusted.weight[~hidden], rows.weight[~hidden])
    assert np.allclose(trusted.weight[hidden], rows.weight[hidden] * SUSPECT_WEIGHT)
