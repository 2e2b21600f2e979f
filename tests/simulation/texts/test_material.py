"""Texts: by construction no two owners share one."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.cohorts import COHORTS
from simulation.draws import below, ids, keyed, names, next_state, unit
from simulation.families import read_families
from simulation.texts.lexicon import LISTS
from simulation.texts.material import Grammar
from simulation.texts.patterns import PATTERNS, PROSE

_INNER = {"fact", "log", "name", "rubric"}
SENT = sorted({kind for c in COHORTS.values() for kind in c.writes})


def _names_its_owner(kind: str) -> bool:
    """Whether every pattern of the kind holds {name}, itself or through a kind that does."""
    slots = [set(re.findall(r"\{(\w+)\}", p)) for p in PATTERNS[kind]]
    return all("name" in s or any(k in PATTERNS and k not in _INNER and _names_its_owner(k) for k in s) for s in slots)


@pytest.mark.parametrize("kind", [*SENT, "assignment", "persona", "seed"])
def test_every_pattern_that_is_sent_on_its_own_names_its_owner(kind: str) -> None:
    assert _names_its_owner(kind)


def test_every_slot_of_every_pattern_can_be_filled() -> None:
    slots = {s for ps in PATTERNS.values() for p in ps for s in re.findall(r"(?<!\{)\{(\w+)\}(?!\})", p)}
    assert {s for s in slots if s.removeprefix("my_") not in LISTS and s not in PATTERNS} == {"name", *PROSE}


def test_every_slot_of_every_family_can_be_filled() -> None:
    for family in read_families(None).values():
        assert set(family.slots()) <= set(PATTERNS) | set(family.fills)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 2**20), kind=st.sampled_from(SENT))
def test_two_owners_never_share_a_text(seed: int, first: int, kind: str) -> None:
    owner = np.repeat(np.arange(first, first + 40, dtype=np.uint64), 20)
    item = np.tile(np.arange(20, dtype=np.uint64), 40)
    texts = pl.DataFrame({"text": Grammar(seed).write(kind, owner, item), "owner": owner})
    assert texts.group_by("text").agg(pl.col("owner").n_unique())["owner"].max() == 1


def test_chats_open_in_many_ways_and_judges_in_few() -> None:
    owner, item = np.repeat(np.arange(400, dtype=np.uint64), 5), np.tile(np.arange(5, dtype=np.uint64), 400)

    def share(kind: str) -> float:
        openings = Grammar(1).write(kind, owner, item).str.extract(r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)")
        return openings.drop_nulls().n_unique() / len(owner)

    assert min(share("chat"), share("support")) > 0.7  # 0.79 and 0.82 in the pools
    assert share("judge") < 0.02


def test_texts_are_as_long_as_in_the_pools() -> None:
    owner, item = np.repeat(np.arange(400, dtype=np.uint64), 5), np.tile(np.arange(5, dtype=np.uint64), 400)
    medians = {
        k: Grammar(1).write(k, owner, item).str.len_chars().median() for k in ("chat", "support", "batch", "judge")
    }
    assert medians == pytest.approx({"chat": 52, "support": 46, "batch": 469, "judge": 5_273}, rel=0.2)


def test_some_chats_are_chinese_and_most_are_english() -> None:
    texts = Grammar(1).write("chat", np.arange(3_000, dtype=np.uint64), np.zeros(3_000, dtype=np.uint64))
    assert 0.01 < texts.str.contains(r"\p{Han}").mean() < 0.1
    assert texts.str.contains(r"[^\x00-\x7F]").mean() < 0.2


def test_a_text_does_not_depend_on_what_is_written_beside_it() -> None:
    grammar = Grammar(5)
    owner, item = np.arange(50, dtype=np.uint64), np.arange(50, dtype=np.uint64)
    alone = grammar.write("chat", owner[7:8], item[7:8])
    assert grammar.write("chat", owner, item)[7] == alone[0]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**40), owner=st.integers(0, 2**24 - 200), item=st.integers(0, 2**16 - 200))
def test_names_of_different_owners_and_items_differ(seed: int, owner: int, item: int) -> None:
    owners, items = np.meshgrid(np.arange(owner, owner + 100), np.arange(item, item + 100))
    assert names(owners.ravel(), items.ravel(), seed).n_unique() == 10_000


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, unique=True))
def test_mixing_keeps_different_numbers_different(numbers: list[int]) -> None:
    assert len(np.unique(next_state(np.array(numbers, dtype=np.uint64)))) == len(numbers)


def test_ids_are_the_numbers_in_hexadecimal() -> None:
    assert ids(np.array([0, 255, 2**64 - 1], dtype=np.uint64), "x_").to_list() == [
        "x_" + "0" * 16, "x_" + "0" * 14 + "ff", "x_" + "f" * 16,
    ]  # fmt: skip


def test_draws_stay_in_their_bounds_and_spread_evenly() -> None:
    numbers = keyed(np.arange(100_000), 1)
    assert unit(numbers).min() >= 0.0
    assert unit(numbers).max() < 1.0
    assert np.ptp(np.bincount(below(numbers, 10))) < 800
