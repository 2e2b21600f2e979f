"""Make a world: its accounts, drawn once, and what all of its days have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from simulation.accounts import DrawnAccounts, concatenate_accounts, make_accounts
from simulation.campaign_accounts import (
    OWNERS,
    Operation,
    ProxyPool,
    Wrapper,
    enlist,
    expected_requests,
    plan_pools,
    replace_banned,
)
from simulation.cohorts import COHORTS, Cohort
from simulation.constants import pool_rhythms
from simulation.constants.assumed import RENTED
from simulation.draws import Ints
from simulation.enforcement import (
    DrawnEnforcement,
    concatenate_enforcement,
    enforce_on_campaign,
    enforce_on_honest,
    enforcement_rows,
    overwrite_rows,
)
from simulation.families import read_families
from simulation.tactics import Campaign
from simulation.texts.material import Grammar, Material
from simulation.texts.pools import RealPrompts
from simulation.texts.system_prompts import standing_system_prompts
from simulation.traffic.lengths import Pairs
from simulation.traffic.rhythm import Clockwork


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world to be made; sizes are those at scale 1."""

    name: str
    days: int
    start: datetime
    honest: int  # number of honest accounts
    campaigns: tuple[Campaign, ...]
    cohorts: Mapping[str, float] = field(default_factory=lambda: {c.name: c.share for c in COHORTS.values()})
    pools: bool = False  # whether it needs real data
    pace: float = 1.0  # factor on the rates of honest accounts
    paces: Mapping[str, float] = field(default_factory=dict)  # further factors, by cohort
    has_tools: bool = False  # whether public tools circulate, whose prompts many customers send
    names_customers: bool = True  # whether the export says which accounts are one customer's, and in what programme

    def pace_of(self, cohort: str) -> float:
        """Factor on the rates of the cohort."""
        return self.pace * self.paces.get(cohort, 1.0)


@dataclass(frozen=True, slots=True)
class Segment:
    """Accounts of one cohort, honest or in the service of one campaign; numbered from `first`."""

    first: int
    cohort: Cohort
    accounts: DrawnAccounts
    enforcement: DrawnEnforcement
    operation: Operation | None = None
    guest: Operation | None = None  # that runs on the same accounts


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the days of a world are made from."""

    scenario: Scenario
    days: int
    start: datetime
    seed: int
    segments: tuple[Segment, ...]
    operations: tuple[Operation, ...]
    accounts: DrawnAccounts  # of all segments, in order: the account numbered n is entry n
    enforcement: DrawnEnforcement
    systems: pl.Series  # system prompt of each account's ordinary requests, null without one
    material: Material
    clockwork: Clockwork
    pairs: Pairs

    @property
    def size(self) -> int:
        """The number of accounts."""
        return len(self.accounts)

    @property
    def duty_lengths(self) -> Ints:
        """The position in LENGTHS of each campaign's requests; the last entry stands for no campaign."""
        return np.array([o.lengths for o in self.operations] + [0], dtype=np.int64)

    def part(self, step: int, offset: int) -> "World":
        """The world of the accounts at `offset`, `offset + step`, …; its segments stay those of the whole world."""
        rows = slice(offset, None, step)
        return replace(
            self,
            accounts=self.accounts.select(rows),
            enforcement=enforcement_rows(self.enforcement, rows),
            systems=self.systems.gather_every(step, offset),
        )


def make_world(scenario: Scenario, scale: float, seed: int, pools: Path | None, days: int, start: datetime) -> World:
    """Draw all accounts of a scenario.

    Raises:
        InputError: the scale gives more accounts than there are numbers.
    """
    _check_size(scenario, scale)
    clockwork = Clockwork.make() if pools is None else pool_rhythms.read_clockwork(pools)
    operations = _make_operations(scenario, seed, pools)
    plan = _Plan(scenario=scenario, scale=scale, seed=seed, days=days, weekday=start.weekday(), clockwork=clockwork)
    segments = _draw_honest(plan)
    for operation in operations:
        segments += _draw_campaign(plan, operation, segments[-1].first + len(segments[-1].accounts))
    for operation in operations:
        segments = [_with_guest(plan, segment, operation) for segment in segments]
    material: Material = Grammar(seed) if pools is None else RealPrompts(pools, seed)
    pairs: Pairs = {} if pools is None else pool_rhythms.read_lengths(pools)
    return World(
        scenario=scenario,
        days=days,
        start=start,
        seed=seed,
        segments=tuple(segments),
        operations=tuple(operations),
        accounts=concatenate_accounts([s.accounts for s in segments]),
        enforcement=concatenate_enforcement([s.enforcement for s in segments]),
        systems=pl.concat([standing_system_prompts(s.cohort, s.accounts, material) for s in segments]),
        material=material,
        clockwork=clockwork,
        pairs=pairs,
    )


def _check_size(scenario: Scenario, scale: float) -> None:
    """Raise InputError for more accounts than there are numbers, before any is drawn."""
    tactics = [campaign.tactics for campaign in scenario.campaigns]
    size = scale * (scenario.honest + sum(t.accounts + t.second_pool for t in tactics if not t.guest_of))
    most = OWNERS - 10_000  # leaves room for rounding
    if size > most:
        raise InputError(
            f"The scale {scale:g} gives {size:.3g} accounts: expected at most {most}, choose a smaller scale."
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What all segments are drawn with."""

    scenario: Scenario
    scale: float
    seed: int
    days: int
    weekday: int  # of the first day
    clockwork: Clockwork


def _draw_honest(plan: _Plan) -> list[Segment]:
    """Draw the honest accounts by the cohorts' shares, at least one of each cohort."""
    scenario = plan.scenario
    total = sum(scenario.cohorts.values())
    segments: list[Segment] = []
    first = 0
    for name, share in scenario.cohorts.items():
        count = max(1, round(scenario.honest * plan.scale * share / total))
        rng = np.random.default_rng([plan.seed, 4, first])
        cohort, pace = COHORTS[name], scenario.pace_of(name)
        accounts = make_accounts(cohort, count, first, plan.days, plan.clockwork, plan.seed)
        accounts = accounts.with_arrays(rate=accounts.rate * pace, clock_interval=accounts.clock_interval / pace)
        segments.append(
            Segment(
                first=first,
                cohort=cohort,
                accounts=accounts,
                enforcement=enforce_on_honest(cohort, accounts, plan.days, rng),
            )
        )
        first += count
    return segments


def _draw_campaign(plan: _Plan, operation: Operation, first: int) -> list[Segment]:
    """Draw the accounts of a campaign, numbered from `first`, by pool and disguise."""
    tactics = operation.campaign.tactics
    segments: list[Segment] = []
    for pool in () if tactics.guest_of else plan_pools(tactics, plan.scale, plan.days):
        segments += _draw_pool(plan, operation, pool, first)
        first += pool.accounts
    if tactics.requests is None:
        return segments
    return _scale_rates(plan, segments, tactics.requests * plan.scale)


def _draw_pool(plan: _Plan, operation: Operation, pool: ProxyPool, first: int) -> list[Segment]:
    """Draw the accounts of a pool, numbered from `first`, by disguise."""
    tactics = operation.campaign.tactics
    rng = np.random.default_rng([plan.seed, 4, first])
    accounts, disguises = enlist(operation, pool, first, plan.days, plan.clockwork, plan.seed)
    length = plan.days / plan.scenario.days
    enforcement = enforce_on_campaign(tactics, accounts, plan.days, rng, pool.purged, length)
    if tactics.replaced:
        accounts, heirs = replace_banned(tactics, accounts, enforcement.banned, rng)
        later = enforce_on_campaign(tactics, accounts.select(heirs), plan.days, rng, pool.purged, length)
        enforcement = overwrite_rows(enforcement, heirs, later)
    segments = []
    start = 0
    for name, count in disguises:
        rows = slice(start, start + count)
        disguised = accounts.select(rows)
        disguised = disguised.with_arrays(rate=disguised.rate * plan.scenario.pace_of(name))
        segments.append(
            Segment(
                first=first + start,
                cohort=COHORTS[name],
                accounts=disguised,
                enforcement=enforcement_rows(enforcement, rows),
                operation=operation,
            )
        )
        start += count
    return segments


def _scale_rates(plan: _Plan, segments: list[Segment], total: float) -> list[Segment]:
    """Scale the rates so that together the segments send `total` requests in a world of the scenario's length."""
    total *= plan.days / plan.scenario.days
    for _ in range(2):  # probes come by the clock, whatever the rate
        parts = [(s.accounts, s.enforcement) for s in segments]
        sent = sum(expected_requests(a, v, plan.days, plan.weekday, plan.clockwork) for a, v in parts)
        segments = [
            replace(s, accounts=s.accounts.with_arrays(service_rate=s.accounts.service_rate * total / sent))
            for s in segments
        ]
    return segments


def _with_guest(plan: _Plan, segment: Segment, guest: Operation) -> Segment:
    """Put the guest campaign on the segment's accounts if they belong to its host."""
    tactics = guest.campaign.tactics
    if segment.operation is None or segment.operation.campaign.name != tactics.guest_of:
        return segment
    count, host = len(segment.accounts), segment.accounts
    # an operator rents most of the pool, not all
    rented = np.random.default_rng([plan.seed, 7, segment.first]).random(count) < RENTED
    begin = np.maximum(host.begin, tactics.days[0] * plan.days)
    end = np.minimum(host.end, tactics.days[1] * plan.days)
    rented &= end - begin > 0.5
    accounts = host.with_arrays(
        guest=np.where(rented, guest.number, -1),
        guest_begin=np.where(rented, begin, np.nan),
        guest_end=np.where(rented, end, np.nan),
        guest_share=np.full(count, tactics.guest_share),
    )
    return replace(segment, accounts=accounts, guest=guest)


def _make_operations(scenario: Scenario, seed: int, pools: Path | None) -> list[Operation]:
    families = read_families(pools)
    operations: list[Operation] = []
    for number, campaign in enumerate(scenario.campaigns):
        family = families[campaign.family]
        rng = np.random.default_rng([seed, 5, number])
        operations.append(Operation(campaign, family, Wrapper.of(family, campaign.tactics.versions, rng), number))
    return operations
