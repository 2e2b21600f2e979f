"""Prompts of a day: templates stay whole, and a proxy's accounts carry the texts of several strangers."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from simulation.presets import PRESETS
from simulation.tactics import Campaign, Tactics
from simulation.texts.writing import _choose_authors, write_prompts
from simulation.traffic.arrivals import Moments, draw_arrivals
from simulation.world import World, make_world


def made(family: str, honest: str = "", **changes: Any) -> tuple[World, Moments, pl.Series]:
    """A world of one campaign, and what is sent on its tenth day."""
    tactics = Tactics(**{"accounts": 60, "per_day": (20, 40), "versions": 1} | changes)
    scenario = replace(PRESETS["small"], honest=300, campaigns=(Campaign("one", family, tactics),))
    scenario = replace(scenario, cohorts={honest: 1.0}) if honest else scenario
    world = make_world(scenario, 1.0, 0, None, scenario.days, scenario.start)
    moments = draw_arrivals(world, 10, np.random.default_rng(0))
    return world, moments, write_prompts(world, moments, 10)


def test_what_ends_a_template_ends_the_prompt_with_or_without_a_page() -> None:
    _, moments, texts = made("chain_of_thought")
    served = texts.filter(pl.Series(moments.serving))
    assert served.str.ends_with("write out every intermediate thought before the answer.").all()
    assert 0.1 < served.str.contains("\n-- ", literal=True).mean() < 0.7  # type: ignore[operator]


def test_a_page_stands_above_a_batch_template_that_ends_the_prompt() -> None:
    world, moments, texts = made("bare_seeds", "batch_nlp")
    batch = texts.filter(pl.Series(world.accounts.campaign[moments.account] < 0))
    pasted = batch.filter(batch.str.contains("\n-- ", literal=True))
    assert pasted.str.ends_with(":").sum() > 5
    assert batch.str.contains(r":\n\n[^\n]+\n-- [^\n]+$").sum() == 0


def test_cover_comes_from_as_many_strangers_as_the_tactics_say() -> None:
    world, moments, texts = made("bare_seeds", strangers=4, cover=0.9)
    author, cohort = _choose_authors(world, moments, 10)
    table = pl.DataFrame({"account": moments.account, "author": author, "cohort": cohort, "text": texts})
    covers = table.filter(pl.Series(~moments.serving & (world.accounts.campaign[moments.account] >= 0)))
    per_account = covers.group_by("account").agg(pl.col("author", "cohort").n_unique())
    assert per_account["author"].max() == 4
    assert per_account["cohort"].max() > 1
    honest = table.filter(pl.Series(world.accounts.campaign[moments.account] < 0))
    assert honest.group_by("account").agg(pl.col("author", "cohort").n_unique()).select(
        pl.col("author", "cohort").max()
    ).row(0) == (1, 1)
    assert set(covers["author"]).isdisjoint(honest["author"])


def test_cover_of_one_person_is_of_the_disguise() -> None:
    world, moments, _ = made("bare_seeds", cover=0.9)
    author, cohort = _choose_authors(world, moments, 10)
    assert (author == world.accounts.author[moments.account]).all()
    assert (cohort == world.accounts.cohort[moments.account]).all()


def test_customers_of_a_public_tool_send_its_prompt_above_texts_of_their_own() -> None:
    scenario = replace(PRESETS["small"], honest=300, campaigns=(), cohorts={"judges": 1.0}, has_tools=True)
    world = make_world(scenario, 1.0, 0, None, scenario.days, scenario.start)
    moments = draw_arrivals(world, 10, np.random.default_rng(0))
    texts = pl.DataFrame({"account": moments.account, "text": write_prompts(world, moments, 10)})
    plain = write_prompts(replace(world, scenario=replace(scenario, has_tools=False)), moments, 10)
    framed = texts.with_columns(own=plain).filter(pl.col("text") != pl.col("own"))
    frames = framed.select("account", "own", frame=pl.col("text").str.strip_suffix(pl.col("own")))
    users = frames.group_by("frame").agg(pl.col("account").n_unique()).sort("account", descending=True)["account"]
    assert 1 < len(users) <= 5 and users[0] > 20
    assert 0.3 < framed["account"].n_unique() / texts["account"].n_unique() < 0.7
    assert (
        frames.group_by("own").agg(pl.col("account").n_unique())["account"].value_counts(sort=True)["account"][0] == 1
    )
