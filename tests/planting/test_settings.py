"""What may be planted, and how many accounts that takes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from planting import Planting
from planting.settings import FAMILIES, draw_campaigns

DAYS = 42.0


def test_the_same_seed_draws_the_same_campaigns_and_another_others() -> None:
    first, same, reseeded = (list(draw_campaigns(Planting(seed=seed), 800, DAYS)) for seed in (3, 3, 4))
    assert first == same
    assert first != reseeded


def test_all_settings_of_a_planting_are_in_its_json() -> None:
    planting = Planting(families=("bare_seeds",), campaigns=2, random_templates=1, accounts=(3, 9), share=0.2, seed=5)
    assert json.loads(planting.as_json()) == {
        "families": ["bare_seeds"],
        "campaigns": 2,
        "random_templates": 1,
        "accounts": [3, 9],
        "share": 0.2,
        "seed": 5,
    }


def test_where_many_lend_every_family_and_all_random_templates_are_planted() -> None:
    planting = Planting()
    families = [campaign.family for campaign in draw_campaigns(planting, 100_000, DAYS)]
    assert {name: families.count(name) for name in FAMILIES} == dict.fromkeys(FAMILIES, planting.campaigns)
    assert families.count("made_up") == planting.random_templates


@settings(max_examples=60, deadline=None)
@given(
    donors=st.integers(10, 5_000),
    share=st.floats(0.001, 1.0),
    low=st.integers(2, 20),
    more=st.integers(0, 30),
    seed=st.integers(0, 2**32),
)
def test_planted_accounts_keep_to_their_share_but_two_campaigns_there_are_always(
    donors: int, share: float, low: int, more: int, seed: int
) -> None:
    planting = Planting(accounts=(low, low + more), share=share, seed=seed)
    campaigns = list(draw_campaigns(planting, donors, DAYS))
    assert len(campaigns) >= 2
    assert sum(campaign.accounts for campaign in campaigns) <= max(round(share * donors), 2 * (low + more))
    assert all(low <= campaign.accounts <= low + more for campaign in campaigns)
    assert (
        len({campaign.name for campaign in campaigns})
        == len({campaign.number for campaign in campaigns})
        == len(campaigns)
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), days=st.floats(4.0, 60.0))
def test_settings_stay_in_their_ranges(seed: int, days: float) -> None:
    for campaign in draw_campaigns(Planting(seed=seed), 300, days):
        assert 3.0 <= campaign.begin <= days
        shares = (
            campaign.cover,
            campaign.shared,
            campaign.aged,
            campaign.pooled,
            campaign.payment,
            campaign.single,
            campaign.systems,
        )
        assert all(0.0 <= share <= 1.0 for share in shares)
        assert min(campaign.versions, campaign.seeds, campaign.instrument) >= 1
        assert campaign.name.startswith("planted:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"families": ("nonsense",)},
            r"The families \['nonsense'\] can't be planted: choose from instruction_generation, ",
        ),
        ({"families": ("bare_seeds", "b", "a")}, r"The families \['a', 'b'\]"),
        (
            {"families": (), "random_templates": 0},
            "3 campaigns of 0 families and 0 with random templates can't be planted: give at least",
        ),
        ({"campaigns": 0, "random_templates": 0}, "0 campaigns of"),
        ({"campaigns": -1}, "-1 campaigns of"),
        ({"random_templates": -1}, "-1 with random templates"),
        ({"accounts": (1, 5)}, "Campaigns of 1 to 5 accounts can't be planted: give at least two accounts"),
        ({"accounts": (9, 5)}, "Campaigns of 9 to 5 accounts"),
        ({"share": 0.0}, "The share 0 can't be planted: give one above 0 and up to 1"),
        ({"share": 1.5}, r"The share 1\.5 can't"),
        ({"share": float("nan")}, "The share nan can't"),
        ({"seed": -1}, "The seed -1 is below 0"),
    ],
)
def test_what_can_not_be_planted_is_refused_with_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Planting(**changes)
