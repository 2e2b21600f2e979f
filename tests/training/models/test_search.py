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
def data(world: Callable[..., pl.DataFrame], features: Sequence[str]) -> TrainingRows:
    return training_rows(world(honest=200), features, Plan(), 1)


def test_the_same_budget_and_seed_give_the_same_settings(data: TrainingRows) -> None:
    assert search(data, 4, 3, QUICK) == search(data, 4, 3, QUICK)


def test_another_seed_tries_other_settings(data: TrainingRows) -> None:
    assert len({search(data, 4, seed, QUICK) for seed in (1, 2, 3)} | {QUICK}) > 2


def test_without_a_budget_the_usual_settings_stay(data: TrainingRows) -> None:
    assert search(data, 0, 3, QUICK) is QUICK


def test_what_is_found_is_no_worse_on_held_out_campaigns_and_keeps_the_rest(data: TrainingRows) -> None:
    found = search(data, 4, 3, QUICK)
    assert found.rounds == QUICK.rounds
    scores = [Boosting(settings).tune(data, 3)[1] for settings in (QUICK, found)]
    usual, searched = (held_out_precision(data.label, each, data.weight) for each in scores)
    assert searched >= usual
