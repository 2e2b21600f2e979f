"""Cohorts refuse words that nothing knows, and new models find those who wait for them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulation.accounts import make_accounts
from simulation.cohorts import COHORTS
from simulation.constants.assumed import RELEASED
from simulation.tactics import Tactics
from simulation.traffic.rhythm import Clockwork


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"access": {"api pyhton": 1.0}}, "access has pyhton"),
        ({"access": {"apl python": 1.0}}, "access has the channel 'apl'"),
        ({"access": {"api": 1.0}}, "access has ;"),
        ({"system": "owned"}, "system has owned; allowed are harness, none, own, popular"),
        ({"common": frozenset({"adress"})}, "common has adress"),
        ({"writes": {"chta": 1.0}}, "writes has chta"),
        ({"plans": {"premium": 1.0}}, "plans has premium"),
        ({"networks": {"home": 1.0}}, "networks has home"),
        ({"rhythm": "slow"}, "rhythm has slow"),
        ({"lengths": "tiny"}, "lengths has tiny"),
        ({"models": {"halcyon-9": 1.0}}, "models has halcyon-9"),
        ({"programmes": {"school": 1.0}}, "programmes has school"),
    ],
)
def test_a_misspelt_word_in_a_cohort_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"chat: {message}"):
        replace(COHORTS["chat"], **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotation": "hour"}, "rotation has hour"),
        ({"plans": {"premium": 1.0}}, "plans has premium"),
        ({"networks": {"home": 1.0}}, "networks has home"),
        ({"access": {"api pyhton": 1.0}}, "access has pyhton"),
    ],
)
def test_a_misspelt_word_in_tactics_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"tactics: {message}"):
        Tactics(**change)


def test_release_benchmarks_use_a_new_model_on_its_first_day_and_others_later_or_never() -> None:
    share = {}
    for name in ("release_benchmarks", "nightly_evaluation", "chat"):
        adopts = make_accounts(COHORTS[name], 2_000, 0, 28, Clockwork.make(), 1).adopts
        share[name] = float(np.mean(adopts < 28 * RELEASED + 1.0))
    assert share["release_benchmarks"] > 0.9
    assert 0.45 < share["nightly_evaluation"] < 0.7
    assert share["chat"] < 0.15
