"""Prompts and system prompts of a day: each kind of text is written once for all accounts that send it."""

import numpy as np
import polars as pl

from pipelines.simulate.arrivals import Moments
from pipelines.simulate.campaigns import Operation
from pipelines.simulate.codes import U64, WHOLE, Flags, Ints, below, choose, glue, keyed, names, take, unit
from pipelines.simulate.cohorts import COHORTS
from pipelines.simulate.commonplace import in_public_set, is_stock, phrases
from pipelines.simulate.material import Material, restored
from pipelines.simulate.world import World

_PER_DAY = 4_096  # items an account may write on one day before they come round again
_PROBES = 8  # different prompts among a campaign's quality probes
_KINDS = tuple(sorted({kind for cohort in COHORTS.values() for kind in cohort.writes}))


def prompts(world: World, moments: Moments, day: int) -> pl.Series:
    """The prompt of each request.

    The campaign's template where the request serves it, else the cohort's texts.
    """
    item = _items(world, moments, day)
    kind = _kinds(world, moments, item)
    author = world.accounts.author[moments.account]
    common = is_stock(author, item, np.where(moments.serving, 0.0, world.accounts.stock[moments.account]))
    kind[common] = -1
    public = np.array([cohort.public for cohort in COHORTS.values()])[world.accounts.cohort[moments.account]]
    owner, part = in_public_set(author.astype(np.uint64), item, public)
    texts: list[pl.Series] = []
    rows: list[Ints] = []
    for number, name in enumerate(_KINDS):
        these = np.flatnonzero(kind == number)
        texts.append(world.material.write(name, owner[these], part[these]))
        rows.append(these)
    for operation in world.operations:
        these = np.flatnonzero(moments.campaign == operation.number)
        texts.append(_duty(world, operation, moments.at(these), item[these], day))
        rows.append(these)
    stock = np.flatnonzero(common)
    texts.append(phrases(author[stock], item[stock]))
    rows.append(stock)
    return glue(
        _assignments(world, moments, item, ~common), restored(texts, rows), _pasted(world, moments, item, ~common)
    )


def _beside(count: int, rows: Ints, texts: pl.Series) -> pl.Series:
    """The texts in their rows, the empty text in all others."""
    places = np.zeros(count, dtype=np.int64)
    places[rows] = 1 + np.arange(len(rows))
    return take(pl.concat([pl.Series([""]), texts.alias("")]), places)


def _pasted(world: World, moments: Moments, item: U64, own: Flags) -> pl.Series:
    """What stands below the request: mostly nothing, else some lines or pages, by the account's habit."""
    account, accounts = moments.account, world.accounts
    key = keyed(accounts.no[account], item, 418, world.seed)
    rows = np.flatnonzero((unit(key) < accounts.pastes[account]) & own)
    key = keyed(key[rows], 1)
    spread = np.sqrt(-2.0 * np.log1p(-unit(key))) * np.cos(2.0 * np.pi * unit(keyed(key, 1)))
    pages = world.material.pages(key, accounts.page[account[rows]] * np.exp(spread))
    owner = accounts.author[account[rows]]
    return _beside(len(account), rows, glue("\n\n", pages, "\n-- ", names(owner, item[rows], world.seed)))


def _assignments(world: World, moments: Moments, item: U64, own: Flags) -> pl.Series:
    """What stands above the request: in classes, half the time, the wording of the class's assignment."""
    account, accounts = moments.account, world.accounts
    classes = np.array(["assignment" in cohort.common for cohort in COHORTS.values()])[accounts.cohort[account]]
    draws = keyed(accounts.no[account], item, 417)
    rows = np.flatnonzero(classes & ~moments.serving & (unit(draws) < 0.5) & own)
    team = accounts.team[account[rows]].astype(np.uint64)
    given = world.material.write("assignment", team, below(keyed(draws[rows], 1), 2).astype(np.uint64))
    return _beside(len(account), rows, glue(given, "\n"))


def systems(world: World, moments: Moments) -> pl.Series:
    """The system prompt of each request, null without one."""
    offers = [pl.Series("system", [s or None for s in o.family.system], dtype=pl.String) for o in world.operations]
    sizes = np.array([len(o) for o in offers] + [1], dtype=np.int64)
    starts = len(world.systems) + np.cumsum(sizes) - sizes
    number = moments.campaign
    chosen = starts[number] + below(keyed(world.accounts.team[moments.account], 414), sizes[number])
    foreign = moments.serving & ~world.accounts.plain[moments.account]
    return take(pl.concat([world.systems, *offers]), np.where(foreign, chosen, moments.account))


def _items(world: World, moments: Moments, day: int) -> U64:
    """A number for each request.

    New ones (up to 4,096 an account and day), or in turn those of the account's suite.
    """
    account = moments.account
    first = np.r_[True, account[1:] != account[:-1]] if len(account) else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(account)), 0))
    rank = (np.arange(len(account)) - start) % _PER_DAY
    # people regenerate, programs retry: then the text is that of the request before
    again = unit(keyed(world.accounts.no[account], day, rank, 419)) < world.accounts.again[account]
    rank = np.maximum(rank - (again & (rank % 2 == 1)), 0)
    suites = np.array([cohort.suite for cohort in COHORTS.values()])[world.accounts.cohort[account]]
    items: U64 = np.where(suites > 0, rank % np.maximum(suites, 1), day * _PER_DAY + rank).astype(np.uint64)
    return items


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


def _duty(world: World, operation: Operation, moments: Moments, item: U64, day: int) -> pl.Series:
    """The campaign's template in the account's, the day's or the request's wording, filled with seeds.

    Probes are few, always the same, and in the first wording.
    """
    tactics, no = operation.campaign.tactics, world.accounts.no[moments.account]
    wording = world.accounts.wording[moments.account] % tactics.versions
    if tactics.rotation == "day":
        wording = (wording + day) % tactics.versions
    if tactics.rotation == "request":
        wording = below(keyed(no, item, 411), tactics.versions)
    draws = keyed(no, item, 412)
    alone = unit(keyed(draws, 1)) >= tactics.shared
    seeds = np.where(alone & ~moments.probe, WHOLE + below(keyed(draws, 2), 1 << 50), below(draws, tactics.seeds))
    wording = np.where(moments.probe, 0, wording)
    return fill(operation, wording, np.where(moments.probe, seeds % _PROBES, seeds), world.material)


def fill(operation: Operation, wording: Ints, seeds: Ints, material: Material) -> pl.Series:
    """One prompt a row from the wording and the seed of the row; further slots take further seeds."""
    parts: list[pl.Series | str] = [take(operation.wrapper.literals[0], wording)]
    owner = np.full(len(wording), operation.owner, dtype=np.uint64)
    for place, slot in enumerate(operation.wrapper.slots):
        further = keyed(seeds, place, 413) % np.uint64(operation.campaign.tactics.seeds)
        further = np.where(seeds >= WHOLE, further + np.uint64(WHOLE), further)
        if slot in operation.family.fills:
            words = pl.Series(operation.family.fills[slot])
            parts.append(take(words, below(keyed(wording, seeds, place), len(words))))
        else:
            parts.append(material.write(slot, owner, seeds.astype(np.uint64) if place == 0 else further))
        parts.append(take(operation.wrapper.literals[place + 1], wording))
    return glue(*parts)
