"""A world: its accounts, drawn once, and what all its days have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from simulation.accounts import DrawnAccounts, make_accounts, together
from simulation.campaign_accounts import OWNERS, Operation, Pool, Wrapper, enlist, expected, pools_of, succeeded
from simulation.cohorts import COHORTS, Cohort
from simulation.constants import pool_rhythms
from simulation.constants.assumed import RENTED
from simulation.draws import Ints
from simulation.enforcement import Verdicts, all_verdicts, on_campaign, on_honest, overwritten, rows_of
from simulation.families import families
from simulation.tactics import Campaign
from simulation.texts.material import Grammar, Material
from simulation.texts.pools import Real
from simulation.texts.system_prompts import standing_systems
from simulation.traffic.lengths import Pairs
from simulation.traffic.rhythm import Clockwork


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world to be made: sizes at scale 1."""

    name: str
    days: int
    start: datetime
    honest: int  # accounts
    campaigns: tuple[Campaign, ...]
    cohorts: Mapping[str, float] = field(default_factory=lambda: {c.name: c.share for c in COHORTS.values()})
    pools: bool = False  # cannot do without real data
    pace: float = 1.0  # factor on the rates of honest accounts
    paces: Mapping[str, float] = field(default_factory=dict)  # further factors, by cohort

    def pace_of(self, cohort: str) -> float:
        """Factor on the rates of the cohort."""
        return self.pace * self.paces.get(cohort, 1.0)


@dataclass(frozen=True, slots=True)
class Segment:
    """Accounts of one cohort, honest or in the service of one campaign.

    `first` is the lowest account number.
    """

    first: int
    cohort: Cohort
    accounts: DrawnAccounts
    verdicts: Verdicts
    operation: Operation | None = None
    guest: Operation | None = None  # that runs on the same accounts


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the days are made from."""

    scenario: Scenario
    days: int
    start: datetime
    seed: int
    segments: tuple[Segment, ...]
    operations: tuple[Operation, ...]
    accounts: DrawnAccounts  # of all segments, in order: the account numbered n is entry n
    verdicts: Verdicts
    systems: pl.Series  # system prompt of each account's ordinary requests, null without one
    material: Material
    clockwork: Clockwork
    pairs: Pairs

    @property
    def size(self) -> int:
        """Accounts in all."""
        return len(self.accounts)

    @property
    def duty_lengths(self) -> Ints:
        """Position in LENGTHS of each campaign's requests; the last entry stands for no campaign."""
        return np.array([o.lengths for o in self.operations] + [0], dtype=np.int64)

    def part(self, step: int, offset: int) -> "World":
        """The world of the accounts at positions `offset`, `offset + step`, …; its registers are the whole world's."""
        rows = slice(offset, None, step)
        return replace(
            self,
            accounts=self.accounts.at(rows),
            verdicts=rows_of(self.verdicts, rows),
            systems=self.systems.gather_every(step, offset),
        )


def make_world(scenario: Scenario, scale: float, seed: int, pools: Path | None, days: int, start: datetime) -> World:
    """Draw all accounts of the scenario at the scale.

    Raises InputError for more accounts than there are numbers.
    """
    _check_size(scenario, scale)
    clockwork = Clockwork.make() if pools is None else pool_rhythms.clockwork(pools)
    operations = _operations(scenario, seed, pools)
    frame = _Frame(scenario, scale, seed, days, start.weekday(), clockwork)
    segments = _honest(frame)
    for operation in operations:
        segments += _enlisted(frame, operation, segments[-1].first + len(segments[-1].accounts))
    for operation in operations:
        segments = [_hosting(frame, segment, operation) for segment in segments]
    material: Material = Grammar(seed) if pools is None else Real(pools, seed)
    pairs: Pairs = {} if pools is None else pool_rhythms.lengths(pools)
    return World(
        scenario=scenario,
        days=days,
        start=start,
        seed=seed,
        segments=tuple(segments),
        operations=tuple(operations),
        accounts=together([s.accounts for s in segments]),
        verdicts=all_verdicts([s.verdicts for s in segments]),
        systems=pl.concat([standing_systems(s.cohort, s.accounts, material) for s in segments]),
        material=material,
        clockwork=clockwork,
        pairs=pairs,
    )


def _check_size(scenario: Scenario, scale: float) -> None:
    """Raise InputError for more accounts than there are numbers, before any is drawn."""
    tactics = [campaign.tactics for campaign in scenario.campaigns]
    size = scale * (scenario.honest + sum(t.accounts + t.second_pool for t in tactics if not t.guest_of))
    most = OWNERS - 10_000  # which leaves room for rounding
    if size > most:
        raise InputError(
            f"The scale {scale:g} gives {size:.3g} accounts: expected at most {most}, choose a smaller scale."
        )


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all segments are drawn with."""

    scenario: Scenario
    scale: float
    seed: int
    days: int
    weekday: int  # of the first day
    clockwork: Clockwork


def _honest(frame: _Frame) -> list[Segment]:
    """The honest accounts: shares of the whole, at least one account of each cohort."""
    scenario = frame.scenario
    total = sum(scenario.cohorts.values())
    segments: list[Segment] = []
    first = 0
    for name, share in scenario.cohorts.items():
        count = max(1, round(scenario.honest * frame.scale * share / total))
        rng = np.random.default_rng([frame.seed, 4, first])
        cohort, pace = COHORTS[name], scenario.pace_of(name)
        accounts = make_accounts(cohort, count, first, frame.days, frame.clockwork, frame.seed)
        accounts = accounts.but(rate=accounts.rate * pace, every=accounts.every / pace)
        segments.append(Segment(first, cohort, accounts, on_honest(cohort, accounts, frame.days, rng)))
        first += count
    return segments


def _enlisted(frame: _Frame, operation: Operation, first: int) -> list[Segment]:
    """The accounts of a campaign, numbered from `first`, by pool and disguise."""
    tactics = operation.campaign.tactics
    segments: list[Segment] = []
    for pool in () if tactics.guest_of else pools_of(tactics, frame.scale, frame.days):
        segments += _pool(frame, operation, pool, first)
        first += pool.accounts
    if tactics.requests is None:
        return segments
    return _rated(frame, segments, tactics.requests * frame.scale)


def _pool(frame: _Frame, operation: Operation, pool: Pool, first: int) -> list[Segment]:
    """The accounts of a pool, numbered from `first`, by disguise."""
    tactics = operation.campaign.tactics
    rng = np.random.default_rng([frame.seed, 4, first])
    accounts, disguises = enlist(operation, pool, first, frame.days, frame.clockwork, frame.seed)
    length = frame.days / frame.scenario.days
    verdicts = on_campaign(tactics, accounts, frame.days, rng, pool.purged, length)
    if tactics.replaced:
        accounts, heirs = succeeded(tactics, accounts, verdicts.banned, rng)
        later = on_campaign(tactics, accounts.at(heirs), frame.days, rng, pool.purged, length)
        verdicts = overwritten(verdicts, heirs, later)
    segments = []
    start = 0
    for name, count in disguises:
        rows = slice(start, start + count)
        these = accounts.at(rows)
        these = these.but(rate=these.rate * frame.scenario.pace_of(name))
        segments.append(Segment(first + start, COHORTS[name], these, rows_of(verdicts, rows), operation))
        start += count
    return segments


def _rated(frame: _Frame, segments: list[Segment], wanted: float) -> list[Segment]:
    """The segments with rates such that together they send `wanted` requests in a world of the scenario's length."""
    wanted *= frame.days / frame.scenario.days
    for _ in range(2):  # probes come by the clock, whatever the rate
        parts = [(s.accounts, s.verdicts) for s in segments]
        sent = sum(expected(a, v, frame.days, frame.weekday, frame.clockwork) for a, v in parts)
        segments = [replace(s, accounts=s.accounts.but(duty=s.accounts.duty * wanted / sent)) for s in segments]
    return segments


def _hosting(frame: _Frame, segment: Segment, guest: Operation) -> Segment:
    """The segment, with the guest on its accounts where they belong to the guest's host."""
    tactics = guest.campaign.tactics
    if segment.operation is None or segment.operation.campaign.name != tactics.guest_of:
        return segment
    count, host = len(segment.accounts), segment.accounts
    # an operator rents most of the pool, not all
    rented = np.random.default_rng([frame.seed, 7, segment.first]).random(count) < RENTED
    begin = np.maximum(host.begin, tactics.days[0] * frame.days)
    end = np.minimum(host.end, tactics.days[1] * frame.days)
    rented &= end - begin > 0.5
    accounts = host.but(
        guest=np.where(rented, guest.number, -1),
        guest_begin=np.where(rented, begin, np.nan),
        guest_end=np.where(rented, end, np.nan),
        guest_share=np.full(count, tactics.guest_share),
    )
    return replace(segment, accounts=accounts, guest=guest)


def _operations(scenario: Scenario, seed: int, pools: Path | None) -> list[Operation]:
    known = families(pools)
    made: list[Operation] = []
    for number, campaign in enumerate(scenario.campaigns):
        family = known[campaign.family]
        rng = np.random.default_rng([seed, 5, number])
        made.append(Operation(campaign, family, Wrapper.of(family, campaign.tactics.versions, rng), number))
    return made
