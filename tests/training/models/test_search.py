"""The search for settings: the same budget and seed give the same answer, and it never does worse than without."""

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from training.evaluation.metrics import held_out_precision
from training.examples.rows import TrainingRows
from training.fitting.plan import Plan
from training.fitting.training_sets import training_rows
from training.models.fit import Boosting, BoostingSettings
from training.models.search import search

QUICK = BoostingSettings(rounds=(10, 20))


@pytest.fixture(scope="module")
def rows(world: Callable[..., pl.DataFrame], features: Sequence[str]) -> TrainingRows:
    return training_rows(world(honest=200), features, Plan(), 1)


def test_the_same_budget_and_seed_give_the_same_settings(rows: TrainingRows) -> None:
    assert search(rows, 4, 3, QUICK) == search(rows, 4, 3, QUICK)


def test_another_seed_tries_other_settings(rows: TrainingRows) -> None:
    assert len({search(rows, 4, seed, QUICK) for seed in (1, 2, 3)} | {QUICK}) > 2


def test_without_a_budget_the_usual_settings_stay(rows: TrainingRows) -> None:
    assert search(rows, 0, 3, QUICK) is QUICK


def test_the_chosen_settings_are_no_worse_on_held_out_campaigns_and_keep_the_rest(rows: TrainingRows) -> None:
    chosen = search(rows, 4, 3, QUICK)
    assert chosen.rounds == QUICK.rounds
    scores = [Boosting(settings).tune(rows, 3)[1] for settings in (QUICK, chosen)]
    precision = [held_out_precision(rows.label, candidate, rows.weight) for candidate in scores]
    assert precision[1] >= precision[0]
