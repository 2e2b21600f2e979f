"""A world: its accounts, drawn once, and what all its days have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from pipelines.simulate import measured
from pipelines.simulate.campaigns import OWNERS, Operation, Wrapper, enlist, expected, pools_of, split
from pipelines.simulate.codes import Ints
from pipelines.simulate.cohorts import COHORTS, Cohort
from pipelines.simulate.families import families
from pipelines.simulate.lengths import Pairs
from pipelines.simulate.material import Grammar, Material
from pipelines.simulate.people import Accounts, make_accounts, together
from pipelines.simulate.pools import Real
from pipelines.simulate.rhythm import Clockwork
from pipelines.simulate.systems import standing_systems
from pipelines.simulate.tactics import Campaign
from pipelines.simulate.verdicts import Verdicts, all_verdicts, every_nth, on_campaign, on_honest


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
    accounts: Accounts
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
    accounts: Accounts  # of all segments, in order: the account numbered n is entry n
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
        return replace(
            self,
            accounts=self.accounts.every_nth(step, offset),
            verdicts=every_nth(self.verdicts, step, offset),
            systems=self.systems.gather_every(step, offset),
        )


def make_world(scenario: Scenario, scale: float, seed: int, pools: Path | None, days: int, start: datetime) -> World:
    """Draw all accounts of the scenario at the scale.

    Raises InputError for more accounts than there are numbers.
    """
    clockwork = Clockwork.make() if pools is None else measured.clockwork(pools)
    operations = _operations(scenario, seed, pools)
    frame = _Frame(scenario, scale, seed, days, start.weekday(), clockwork)
    segments = _honest(frame)
    for operation in operations:
        segments += _enlisted(frame, operation, segments[-1].first + len(segments[-1].accounts))
    for operation in operations:
        segments = [_hosting(frame, segment, operation) for segment in segments]
    size = segments[-1].first + len(segments[-1].accounts)
    if size >= OWNERS:
        raise InputError(
            f"The scale {scale} gives {size} accounts: expected fewer than {OWNERS}, choose a smaller scale."
        )
    material: Material = Grammar(seed) if pools is None else Real(pools, seed)
    pairs: Pairs = {} if pools is None else measured.lengths(pools)
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
    tactics, segments = operation.campaign.tactics, []
    for pool in () if tactics.guest_of else pools_of(tactics, frame.scale, frame.days):
        for name, count in split(tactics, pool.accounts, operation.number, frame.seed):
            rng = np.random.default_rng([frame.seed, 4, first])
            accounts = enlist(operation, name, pool, count, first, frame.days, frame.clockwork, frame.seed)
            accounts = accounts.but(rate=accounts.rate * frame.scenario.pace_of(name))
            verdicts = on_campaign(tactics, accounts, frame.days, rng, pool.purged)
            segments.append(Segment(first, COHORTS[name], accounts, verdicts, operation))
            first += count
    if tactics.requests is None:
        return segments
    return _rated(frame, segments, tactics.requests * frame.scale)


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
    rented = np.random.default_rng([frame.seed, 7, segment.first]).random(count) < 0.8
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
