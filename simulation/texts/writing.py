"""Write the prompts and system prompts of a day, each kind of text at once for all accounts that send it."""

import numpy as np
import polars as pl

from simulation.campaign_accounts import Operation
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.draws import FIRST_OWN_ITEM, U64, Flags, Ints, below, choose, glue, keyed, names, take, unit
from simulation.texts.commonplace import choose_tools, is_stock, with_public_items, write_stock_phrases
from simulation.texts.material import Material, restore_order
from simulation.traffic.arrivals import Moments, in_class
from simulation.world import World

_PER_DAY = 4_096  # items of an account on one day; after so many they repeat
_PROBES = 8  # different prompts among a campaign's quality probes
_KINDS = tuple(sorted({kind for cohort in COHORTS.values() for kind in cohort.writes}))
_HAS_TEMPLATE = np.array([kind in ("batch", "backfill") for kind in _KINDS] + [False])  # one template for many texts
_GAP = "\n\n"  # between a text and what is pasted
_SHARES = {cohort.name: cohort.share for cohort in COHORTS.values()}
_PUBLIC = np.array([cohort.public for cohort in COHORTS.values()])
_FRAMED = np.array([cohort.framed for cohort in COHORTS.values()])
_BITS = 24  # of an owner that go into the names of its texts; higher bits tell strangers on one account apart


def write_prompts(world: World, moments: Moments, day: int) -> pl.Series:
    """Write the prompt of each request: the campaign's template if it serves one, else a text of the cohort."""
    item = _number_items(world, moments, day)
    author, cohort = _choose_authors(world, moments, day)
    kind = _draw_kinds(cohort, author, moments, item)
    common = is_stock(author, item, np.where(moments.serving, 0.0, world.accounts.stock_share[moments.account]))
    kind[common] = -1
    owner, part = with_public_items(author.astype(np.uint64), item, _PUBLIC[cohort])
    pages = _write_pages(world, moments, item, ~common)
    texts: list[pl.Series] = []
    rows: list[Ints] = []
    for number, name in enumerate(_KINDS):
        of_kind = np.flatnonzero(kind == number)
        texts.append(world.material.write(name, owner[of_kind], part[of_kind]))
        rows.append(of_kind)
    for operation in world.operations:
        served = np.flatnonzero(moments.campaign == operation.number)
        texts.append(_write_served(world, operation, moments.select(served), item[served], day, take(pages, served)))
        rows.append(served)
    stock = np.flatnonzero(common)
    texts.append(write_stock_phrases(author[stock], item[stock]))
    rows.append(stock)
    written = _add_pages(restore_order(texts, rows), pages, _HAS_TEMPLATE[kind], moments.serving)
    if world.scenario.has_tools:
        tool = choose_tools(author, item, cohort, np.where(common | moments.serving, 0.0, _FRAMED[cohort]))
        written = glue(_write_frames(world, tool), written)
    return glue(_write_assignments(world, moments, item, day, ~common), written)


def _add_pages(texts: pl.Series, pages: pl.Series, has_template: Flags, serving: Flags) -> pl.Series:
    """Put pages below the texts, or above texts that a template ends; campaigns' templates hold theirs already."""
    text, page = pl.lit(texts), pl.lit(pages)
    closed = pl.lit(pl.Series(has_template)) & text.str.ends_with(":")
    above = pl.concat_str(page.str.strip_prefix(_GAP), pl.lit(_GAP), text)
    return pl.select(
        pl.when(pl.lit(pl.Series(serving)) | (page == ""))
        .then(text)
        .when(closed)
        .then(above)
        .otherwise(pl.concat_str(text, page))
    ).to_series()


def _choose_authors(world: World, moments: Moments, day: int) -> tuple[Ints, Ints]:
    """Choose the author and cohort of each text: the account's, or a stranger's whose traffic the account carries."""
    accounts, account = world.accounts, moments.account
    author, cohort = accounts.author[account], accounts.cohort[account]
    inside = (moments.when >= accounts.begin[account]) & (moments.when <= accounts.end[account])
    rows = np.flatnonzero(inside & ~moments.serving & (accounts.strangers[account] > 1))
    draws = keyed(accounts.number[account[rows]], day, moments.session[rows], 443, world.seed)
    stranger = below(draws, accounts.strangers[account[rows]])
    author[rows] += stranger << _BITS
    foreign = choose(_SHARES, keyed(author[rows], 444, world.seed))
    cohort[rows] = np.where(stranger > 0, foreign, cohort[rows])
    return author, cohort


def _place_in_rows(count: int, rows: Ints, texts: pl.Series) -> pl.Series:
    """Put the texts into their rows, and empty texts into all others."""
    indices = np.zeros(count, dtype=np.int64)
    indices[rows] = 1 + np.arange(len(rows))
    return take(pl.concat([pl.Series([""]), texts.alias("")]), indices)


def _write_pages(world: World, moments: Moments, item: U64, own: Flags) -> pl.Series:
    """Write what is pasted into the request: mostly nothing, else lines or pages, as the account's habit is."""
    account, accounts = moments.account, world.accounts
    key = keyed(accounts.number[account], item, 418, world.seed)
    dealt = moments.serving & accounts.is_dealt[account]
    share = np.where(dealt, assumed.DEALT_PASTES, accounts.paste_share[account])
    sentences = np.where(dealt, assumed.DEALT_SENTENCES, accounts.paste_sentences[account])
    rows = np.flatnonzero((unit(key) < share) & own)
    key = keyed(key[rows], 1)
    spread = np.sqrt(-2.0 * np.log1p(-unit(key))) * np.cos(2.0 * np.pi * unit(keyed(key, 1)))
    pages = world.material.pages(key, sentences[rows] * np.exp(spread))
    owner = accounts.author[account[rows]]
    return _place_in_rows(len(account), rows, glue(_GAP, pages, "\n-- ", names(owner, item[rows], world.seed)))


def _write_assignments(world: World, moments: Moments, item: U64, day: int, own: Flags) -> pl.Series:
    """Write what stands above the request: on a class's day mostly the assignment, else nothing."""
    account, accounts = moments.account, world.accounts
    draws = keyed(accounts.number[account], item, 417)
    is_assigned = in_class(world, day)[account] & ~moments.serving & (unit(draws) < assumed.ASSIGNED)
    rows = np.flatnonzero(is_assigned & own)
    team = accounts.team[account[rows]].astype(np.uint64)
    assignment = world.material.write("assignment", team, np.full(len(rows), day // assumed.TERM, dtype=np.uint64))
    return _place_in_rows(len(account), rows, glue(assignment, "\n"))


def _write_frames(world: World, tool: Ints) -> pl.Series:
    """Write the prompt of the public tool above each request that one sends, else nothing."""
    rows = np.flatnonzero(tool >= 0)
    distinct, number = np.unique(tool[rows], return_inverse=True)
    frames = world.material.write("frame", distinct.astype(np.uint64), np.zeros(len(distinct), dtype=np.uint64))
    return _place_in_rows(len(tool), rows, take(frames, number))


def write_system_prompts(world: World, moments: Moments) -> pl.Series:
    """Choose the system prompt of each request, null without one."""
    offers = [pl.Series("system", [s or None for s in o.family.system], dtype=pl.String) for o in world.operations]
    sizes = np.array([len(o) for o in offers] + [1], dtype=np.int64)
    starts = len(world.systems) + np.cumsum(sizes) - sizes
    number = moments.campaign
    chosen = starts[number] + below(keyed(world.accounts.team[moments.account], 414), sizes[number])
    foreign = moments.serving & ~world.accounts.keeps_disguise[moments.account]
    return take(pl.concat([world.systems, *offers]), np.where(foreign, chosen, moments.account))


def _number_items(world: World, moments: Moments, day: int) -> U64:
    """Number the texts of each account: anew (up to `_PER_DAY` a day), or the items of its suite in turn."""
    account = moments.account
    first = np.r_[True, account[1:] != account[:-1]] if len(account) else np.zeros(0, dtype=bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(account)), 0))
    rank = (np.arange(len(account)) - start) % _PER_DAY
    # people regenerate and programs retry: the text is then that of the previous request
    repeats = unit(keyed(world.accounts.number[account], day, rank, 419)) < world.accounts.repeat_share[account]
    rank = np.maximum(rank - (repeats & (rank % 2 == 1)), 0)
    suites = np.array([cohort.suite for cohort in COHORTS.values()])[world.accounts.cohort[account]]
    items: U64 = np.where(suites > 0, rank % np.maximum(suites, 1), day * _PER_DAY + rank).astype(np.uint64)
    return items


def _draw_kinds(cohorts: Ints, author: Ints, moments: Moments, item: U64) -> Ints:
    """Draw the kind of text of each ordinary request (position in _KINDS); -1 for the campaigns' own."""
    kind = np.full(len(item), -1, dtype=np.int64)
    draws = keyed(author, item, 410)
    for number, cohort in enumerate(COHORTS.values()):
        rows = np.flatnonzero((cohorts == number) & ~moments.serving)
        kinds = np.array([_KINDS.index(name) for name in cohort.writes])
        kind[rows] = kinds[choose(dict(cohort.writes), draws[rows])]
    return kind


def _write_served(
    world: World, operation: Operation, moments: Moments, item: U64, day: int, pages: pl.Series
) -> pl.Series:
    """Write the campaign's template, its wording chosen by account, day or request, with seeds and pages.

    Probes are a few prompts, always the same, in the first wording.
    """
    tactics, number = operation.campaign.tactics, world.accounts.number[moments.account]
    wording = world.accounts.wording[moments.account] % tactics.versions
    if tactics.rotation == "day":
        wording = (wording + day) % tactics.versions
    if tactics.rotation == "request":
        wording = below(keyed(number, item, 411), tactics.versions)
    draws = keyed(number, item, 412)
    alone = unit(keyed(draws, 1)) >= tactics.shared
    seeds = np.where(
        alone & ~moments.probe, FIRST_OWN_ITEM + below(keyed(draws, 2), 1 << 50), below(draws, tactics.seeds)
    )
    wording = np.where(moments.probe, 0, wording)
    return fill_template(operation, wording, np.where(moments.probe, seeds % _PROBES, seeds), world.material, pages)


def fill_template(
    operation: Operation, wording: Ints, seeds: Ints, material: Material, pages: pl.Series | str = ""
) -> pl.Series:
    """Write one prompt per row from the row's wording and seed; further slots take further seeds.

    Args:
        operation: the campaign, with the wordings of its template.
        wording: row of the wordings.
        seeds: item numbers of the first slot.
        material: writes the texts of the slots.
        pages: stand below the last slot, so that the end of the template ends the prompt.
    """
    parts: list[pl.Series | str] = [take(operation.wrapper.literals[0], wording)]
    owner = np.full(len(wording), operation.owner, dtype=np.uint64)
    for position, slot in enumerate(operation.wrapper.slots):
        further = keyed(seeds, position, 413) % np.uint64(operation.campaign.tactics.seeds)
        further = np.where(seeds >= FIRST_OWN_ITEM, further + np.uint64(FIRST_OWN_ITEM), further)
        if slot in operation.family.fills:
            words = pl.Series(operation.family.fills[slot])
            parts.append(take(words, below(keyed(wording, seeds, position), len(words))))
        else:
            parts.append(material.write(slot, owner, seeds.astype(np.uint64) if position == 0 else further))
        parts.append(take(operation.wrapper.literals[position + 1], wording))
    return glue(*parts[:-1], pages, parts[-1])
