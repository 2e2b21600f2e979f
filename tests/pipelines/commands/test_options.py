"""What is to be planted, as it is asked for on the command line."""

import pytest

from features.errors import InputError
from pipelines.commands.options import SHARE, make_planting
from planting import Planting


def test_by_default_all_is_planted_with_the_seed_of_the_training() -> None:
    assert make_planting(True, None, SHARE, 0) == Planting()
    assert make_planting(True, None, 0.1, 7) == Planting(share=0.1, seed=7)


def test_nothing_is_planted_where_that_is_asked_for() -> None:
    assert make_planting(False, None, SHARE, 0) is None


def test_families_are_named_with_commas() -> None:
    plan = make_planting(True, "bare_seeds, code_tasks,", SHARE, 0)
    assert plan is not None
    assert plan.families == ("bare_seeds", "code_tasks")


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"\['nonsense'\] can't be planted: choose from .*bare_seeds"):
        make_planting(True, "bare_seeds,nonsense", SHARE, 0)
