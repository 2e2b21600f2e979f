"""Prompts and system prompts of a day: each kind of text is written once for all accounts that send it."""

import numpy as np
import polars as pl

from simulation.campaign_accounts import Operation
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.draws import U64, WHOLE, Flags, Ints, below, choose, glue, keyed, names, take, unit
from simulation.texts.commonplace import in_public_set, is_stock, phrases
from simulation.texts.material import Material, restored
from simulation.traffic.arrivals import Moments, in_class
from simulation.world import World

_PER_DAY = 4_096  # items an account may write on one day before they come round again
_PROBES = 8  # different prompts among a campaign's quality probes
_KINDS = tuple(sorted({kind for cohort in COHORTS.values() for kind in cohort.writes}))
_FRAMES = np.array([kind in ("batch", "backfill") for kind in _KINDS] + [False])  # one template for many texts
_GAP = "\n\n"  # between a text and what is pasted
_SHARES = {cohort.name: cohort.share for cohort in COHORTS.values()}
_PUBLIC = np.array([cohort.public for cohort in COHORTS.values()])
_BITS = 24  # of an owner go into the names of its texts; those above tell strangers on one account apart


def prompts(world: World, moments: Moments, day: int) -> pl.Series:
    """The prompt of each request.

    The campaign's template where the request serves it, else the cohort's texts.
    """
    item = _items(world, moments, day)
    author, cohort = _authors(world, moments, day)
    kind = _kinds(cohort, author, moments, item)
    common = is_stock(author, item, np.where(moments.serving, 0.0, world.accounts.stock[moments.account]))
    kind[common] = -1
    owner, part = in_public_set(author.astype(np.uint64), item, _PUBLIC[cohort])
    pages = _pages(world, moments, item, ~common)
    texts: list[pl.Series] = []
    rows: list[Ints] = []
    for number, name in enumerate(_KINDS):
        these = np.flatnonzero(kind == number)
        texts.append(world.material.write(name, owner[these], part[these]))
        rows.append(these)
    for operation in world.operations:
        these = np.flatnonzero(moments.campaign == operation.number)
        texts.append(_duty(world, operation, moments.at(these), item[these], day, take(pages, these)))
        rows.append(these)
    stock = np.flatnonzero(common)
    texts.append(phrases(author[stock], item[stock]))
    rows.append(stock)
    written = _with_pages(restored(texts, rows), pages, _FRAMES[kind], moments.serving)
    return glue(_assignments(world, moments, item, day, ~common), written)


def _with_pages(texts: pl.Series, pages: pl.Series, frames: Flags, serving: Flags) -> pl.Series:
    """The texts with the pages below them; above those that a template ends.

    Campaigns' templates hold theirs already.
    """
    text, page = pl.lit(texts), pl.lit(pages)
    closed = pl.lit(pl.Series(frames)) & text.str.ends_with(":")
    above = pl.concat_str(page.str.strip_prefix(_GAP), pl.lit(_GAP), text)
    return pl.select(
        pl.when(pl.lit(pl.Series(serving)) | (page == ""))
        .then(text)
        .when(closed)
        .then(above)
        .otherwise(pl.concat_str(text, page))
    ).to_series()


def _authors(world: World, moments: Moments, day: int) -> tuple[Ints, Ints]:
    """Whose text each request is and of which cohort: the account's, or that of a stranger whose traffic it carries."""
    accounts, account = world.accounts, moments.account
    author, cohort = accounts.author[account], accounts.cohort[account]
    inside = (moments.when >= accounts.begin[account]) & (moments.when <= accounts.end[account])
    rows = np.flatnonzero(inside & ~moments.serving & (accounts.strangers[account] > 1))
    draws = keyed(accounts.no[account[rows]], day, moments.session[rows], 443, world.seed)
    which = below(draws, accounts.strangers[account[rows]])
    author[rows] += which << _BITS
    foreign = choose(_SHARES, keyed(author[rows], 444, world.seed))
    cohort[rows] = np.where(which > 0, foreign, cohort[rows])
    return author, cohort


def _beside(count: int, rows: Ints, texts: pl.Series) -> pl.Series:
    """The texts in their rows, the empty text in all others."""
    places = np.zeros(count, dtype=np.int64)
    places[rows] = 1 + np.arange(len(rows))
    return take(pl.concat([pl.Series([""]), texts.alias("")]), places)


def _pages(world: World, moments: Moments, item: U64, own: Flags) -> pl.Series:
    """What is pasted into the request: mostly nothing, else some lines or pages, by the account's habit."""
    account, accounts = moments.account, world.accounts
    key = keyed(accounts.no[account], item, 418, world.seed)
    rows = np.flatnonzero((unit(key) < accounts.pastes[account]) & own)
    key = keyed(key[rows], 1)
    spread = np.sqrt(-2.0 * np.log1p(-unit(key))) * np.cos(2.0 * np.pi * unit(keyed(key, 1)))
    pages = world.material.pages(key, accounts.page[account[rows]] * np.exp(spread))
    owner = accounts.author[account[rows]]
    return _beside(len(account), rows, glue(_GAP, pages, "\n-- ", names(owner, item[rows], world.seed)))


def _assignments(world: World, moments: Moments, item: U64, day: int, own: Flags) -> pl.Series:
    """What stands above the request: on a class's day, mostly, the wording of its assignment."""
    account, accounts = moments.account, world.accounts
    draws = keyed(accounts.no[account], item, 417)
    given_out = in_class(world, day)[account] & ~moments.serving & (unit(draws) < assumed.ASSIGNED)
    rows = np.flatnonzero(given_out & own)
    team = accounts.team[account[rows]].astype(np.uint64)
    given = world.material.write("assignment", team, np.full(len(rows), day // assumed.TERM, dtype=np.uint64))
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


def _kinds(cohorts: Ints, author: Ints, moments: Moments, item: U64) -> Ints:
    """Kind of text of each ordinary request (position in _KINDS), -1 for the campaigns' own."""
    kind = np.full(len(item), -1, dtype=np.int64)
    draws = keyed(author, item, 410)
    for number, cohort in enumerate(COHORTS.values()):
        rows = np.flatnonzero((cohorts == number) & ~moments.serving)
        known = np.array([_KINDS.index(name) for name in cohort.writes])
        kind[rows] = known[choose(dict(cohort.writes), draws[rows])]
    return kind


def _duty(world: World, operation: Operation, moments: Moments, item: U64, day: int, pages: pl.Series) -> pl.Series:
    """The campaign's template in the account's, the day's or the request's wording, filled with seeds and pages.

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
    return fill(operation, wording, np.where(moments.probe, seeds % _PROBES, seeds), world.material, pages)


def fill(
    operation: Operation, wording: Ints, seeds: Ints, material: Material, pages: pl.Series | str = ""
) -> pl.Series:
    """One prompt a row from the wording and the seed of the row; further slots take further seeds.

    `pages` stand below the last of them, so that what ends the template ends the prompt.
    """
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
    return glue(*parts[:-1], pages, parts[-1])
