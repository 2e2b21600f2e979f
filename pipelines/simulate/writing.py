"""Prompts and system prompts of a day: each kind of text is written once for all accounts that send it."""

import numpy as np
import polars as pl

from pipelines.simulate.arrivals import Moments
from pipelines.simulate.campaigns import Operation
from pipelines.simulate.codes import U64, Floats, Ints, below, choose, glue, keyed, take
from pipelines.simulate.cohorts import COHORTS
from pipelines.simulate.commonplace import in_public_set, phrases
from pipelines.simulate.material import Material, restored
from pipelines.simulate.world import World

_PER_DAY = 4_096  # items an account may write on one day before they come round again
_KINDS = tuple(sorted({kind for cohort in COHORTS.values() for kind in cohort.writes}))


def prompts(world: World, moments: Moments, day: int) -> pl.Series:
    """The prompt of each request.

    The campaign's template where the request serves it, else the cohort's texts.
    """
    item = _items(world, moments, day)
    kind = _kinds(world, moments, item)
    author = world.accounts.author[moments.account]
    owner, part = in_public_set(author.astype(np.uint64), item, _dial(world, moments, "public"))
    texts: list[pl.Series] = []
    rows: list[Ints] = []
    for number, name in enumerate(_KINDS):
        these = np.flatnonzero(kind == number)
        texts.append(world.material.write(name, owner[these], part[these]))
        rows.append(these)
    campaign = np.where(moments.serving, world.accounts.campaign[moments.account], -1)
    for operation in world.operations:
        these = np.flatnonzero(campaign == operation.number)
        texts.append(_duty(world, operation, moments.account[these], item[these], day))
        rows.append(these)
    phrase, is_stock = phrases(author, item, np.where(moments.serving, 0.0, _dial(world, moments, "stock")))
    own = restored(texts, rows)
    return pl.select(pl.when(pl.lit(pl.Series(is_stock))).then(phrase).otherwise(own).alias(own.name)).to_series()


def _dial(world: World, moments: Moments, name: str) -> Floats:
    """A figure of each request's cohort, (n,)."""
    return np.array([getattr(cohort, name) for cohort in COHORTS.values()])[world.accounts.cohort[moments.account]]


def systems(world: World, moments: Moments) -> pl.Series:
    """The system prompt of each request, null without one."""
    offers = [pl.Series("system", [s or None for s in o.family.system], dtype=pl.String) for o in world.operations]
    sizes = np.array([len(o) for o in offers] + [1], dtype=np.int64)
    starts = len(world.systems) + np.cumsum(sizes) - sizes
    number = world.accounts.campaign[moments.account]
    chosen = starts[number] + below(keyed(world.accounts.team[moments.account], 414), sizes[number])
    return take(pl.concat([world.systems, *offers]), np.where(moments.serving, chosen, moments.account))


def _items(world: World, moments: Moments, day: int) -> U64:
    """A number for each request.

    New ones (up to 4,096 an account and day), or in turn those of the account's suite.
    """
    account = moments.account
    first = np.r_[True, account[1:] != account[:-1]] if len(account) else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(account)), 0))
    rank = (np.arange(len(account)) - start) % _PER_DAY
    suites = np.array([cohort.suite for cohort in COHORTS.values()])[world.accounts.cohort[account]]
    return np.where(suites > 0, rank % np.maximum(suites, 1), day * _PER_DAY + rank).astype(np.uint64)


def _kinds(world: World, moments: Moments, item: U64) -> Ints:
    """Kind of text of each ordinary request (position in _KINDS), -1 for the campaigns' own."""
    kind = np.full(len(item), -1, dtype=np.int64)
    cohorts = world.accounts.cohort[moments.account]
    draws = keyed(world.accounts.author[moments.account], item, 410)
    for number, cohort in enumerate(COHORTS.values()):
        rows = np.flatnonzero((cohorts == number) & ~moments.serving)
        known = np.array([_KINDS.index(name) for name in cohort.writes])
        kind[rows] = known[choose(dict(cohort.writes), draws[rows])]
    return kind


def _duty(world: World, operation: Operation, account: Ints, item: U64, day: int) -> pl.Series:
    """The campaign's template in the account's, the day's or the request's wording, filled with seeds."""
    tactics, no = operation.campaign.tactics, world.accounts.no[account]
    wording = world.accounts.wording[account]
    if tactics.rotation == "day":
        wording = (wording + day) % tactics.versions
    if tactics.rotation == "request":
        wording = below(keyed(no, item, 411), tactics.versions)
    return fill(operation, wording, below(keyed(no, item, 412), tactics.seeds), world.material)


def fill(operation: Operation, wording: Ints, seeds: Ints, material: Material) -> pl.Series:
    """One prompt a row from the wording and the seed of the row; further slots take further seeds."""
    parts: list[pl.Series | str] = [take(operation.wrapper.literals[0], wording)]
    owner = np.full(len(wording), operation.owner, dtype=np.uint64)
    for place, slot in enumerate(operation.wrapper.slots):
        further = keyed(seeds, place, 413) % np.uint64(operation.campaign.tactics.seeds)
        if slot in operation.family.fills:
            words = pl.Series(operation.family.fills[slot])
            parts.append(take(words, below(keyed(wording, seeds, place), len(words))))
        else:
            parts.append(material.write(slot, owner, seeds.astype(np.uint64) if place == 0 else further))
        parts.append(take(operation.wrapper.literals[place + 1], wording))
    return glue(*parts)
