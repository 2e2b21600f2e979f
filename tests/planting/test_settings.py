"""What may be planted, and how many accounts that takes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from planting import Planting
from planting.settings import FAMILIES, draw

DAYS = 42.0


def test_the_same_seed_draws_the_same_campaigns_and_another_others() -> None:
    one, again, other = (list(draw(Planting(seed=seed), 800, DAYS)) for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_a_planting_tells_everything_about_itself() -> None:
    planting = Planting(families=("bare_seeds",), campaigns=2, made_up=1, accounts=(3, 9), share=0.2, seed=5)
    assert json.loads(planting.told()) == {
        "families": ["bare_seeds"],
        "campaigns": 2,
        "made_up": 1,
        "accounts": [3, 9],
        "share": 0.2,
        "seed": 5,
    }


def test_where_many_lend_every_family_and_all_made_up_ones_are_planted() -> None:
    planting = Planting()
    families = [dials.family for dials in draw(planting, 100_000, DAYS)]
    assert {name: families.count(name) for name in FAMILIES} == dict.fromkeys(FAMILIES, planting.campaigns)
    assert families.count("made_up") == planting.made_up


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
    found = list(draw(planting, donors, DAYS))
    assert len(found) >= 2
    assert sum(dials.accounts for dials in found) <= max(round(share * donors), 2 * (low + more))
    assert all(low <= dials.accounts <= low + more for dials in found)
    assert len({dials.campaign for dials in found}) == len({dials.number for dials in found}) == len(found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), days=st.floats(4.0, 60.0))
def test_dials_stay_in_their_ranges(seed: int, days: float) -> None:
    for dials in draw(Planting(seed=seed), 300, days):
        assert 3.0 <= dials.begin <= days
        shares = (dials.cover, dials.shared, dials.aged, dials.pooled, dials.payment, dials.single, dials.systems)
        assert all(0.0 <= share <= 1.0 for share in shares)
        assert min(dials.versions, dials.seeds, dials.instrument) >= 1
        assert dials.campaign.startswith("planted:")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"families": ("nonsense",)},
            r"The families \['nonsense'\] can't be planted: choose from instruction_generation, ",
        ),
        ({"families": ("bare_seeds", "b", "a")}, r"The families \['a', 'b'\]"),
        (
            {"families": (), "made_up": 0},
            "3 campaigns of 0 families and 0 made-up ones can't be planted: give at least",
        ),
        ({"campaigns": 0, "made_up": 0}, "0 campaigns of"),
        ({"campaigns": -1}, "-1 campaigns of"),
        ({"made_up": -1}, "-1 made-up ones"),
        ({"accounts": (1, 5)}, "Campaigns of 1 to 5 accounts can't be planted: give at least two accounts"),
        ({"accounts": (9, 5)}, "Campaigns of 9 to 5 accounts"),
        ({"share": 0.0}, "The share 0 can't be planted: give one above 0 and up to 1"),
        ({"share": 1.5}, r"The share 1\.5 can't"),
        ({"share": float("nan")}, "The share nan can't"),
        ({"seed": -1}, "The seed -1 is below 0"),
    ],
)
def test_what_can_not_be_planted_is_refused_with_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Planting(**given)
