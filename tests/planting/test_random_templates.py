"""Templates of random sentences: always the same, and whole."""

import re

import numpy as np
import polars as pl
import pytest

from planting import random_templates
from simulation.campaign_accounts import Operation, Wrapper
from simulation.tactics import Campaign, Tactics
from simulation.texts.material import Grammar
from simulation.texts.writing import fill_template

MATERIAL = Grammar(3)


def written(number: int, seed: int = 0, versions: int = 4) -> pl.Series:
    """A few prompts of a made-up campaign, in all of its wordings."""
    family = random_templates.make_family(number, MATERIAL, seed)
    wrapper = Wrapper.of(family, versions, np.random.default_rng(number))
    operation = Operation(Campaign("planted", family.name, Tactics(versions=versions)), family, wrapper, number)
    seeds = np.arange(3 * versions, dtype=np.int64)
    return fill_template(operation, seeds % versions, seeds, MATERIAL)


def test_a_template_is_the_same_for_the_same_number_and_seed() -> None:
    assert random_templates.make_family(5, MATERIAL, 1) == random_templates.make_family(5, Grammar(3), 1)
    wrappers = {random_templates.make_family(number, MATERIAL, seed).wrapper for number in range(12) for seed in (1, 2)}
    assert len(wrappers) == 24


def test_templates_are_of_many_shapes() -> None:
    families = [random_templates.make_family(number, MATERIAL, 0) for number in range(60)]
    lengths = [len(family.wrapper.split()) for family in families]
    assert max(lengths) > 5 * min(lengths)
    assert {len(family.slots()) for family in families} == {1, 2, 3}
    assert {any(family.system) for family in families} == {True, False}
    assert {family.wrapper.endswith("}") for family in families} == {True, False}


@pytest.mark.parametrize("number", range(16))
def test_prompts_hold_no_slot_and_no_choice_that_was_left_open(number: int) -> None:
    family = random_templates.make_family(number, MATERIAL, 0)
    for literals in Wrapper.of(family, 4, np.random.default_rng(number)).literals:
        assert not literals.str.contains(r"[{}|]|<<|>>").any()
    for prompt in [*written(number), *family.system]:
        assert not re.search(r"\{\w+\}|<<|>>", prompt)


def test_prompts_of_one_campaign_have_its_sentences_in_common_and_their_fillings_differ() -> None:
    prompts = written(2, versions=1)
    assert prompts.is_unique().all()
    literals = Wrapper.of(random_templates.make_family(2, MATERIAL, 0), 1, np.random.default_rng(2)).literals
    longest = max((part[0] for part in literals), key=len)
    assert len(longest.split()) > 3
    assert prompts.str.contains(longest, literal=True).all()
