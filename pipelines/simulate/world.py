"""A world: its accounts, drawn once, and what all its days have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from pipelines.simulate import pools as pool_files
from pipelines.simulate.campaigns import OWNERS, Operation, Wrapper, enlist, split
from pipelines.simulate.cohorts import COHORTS, Cohort
from pipelines.simulate.families import families
from pipelines.simulate.lengths import Pairs
from pipelines.simulate.material import Grammar, Material
from pipelines.simulate.people import Accounts, make_accounts, together
from pipelines.simulate.rhythm import Clockwork
from pipelines.simulate.systems import standing_systems
from pipelines.simulate.tactics import Campaign
from pipelines.simulate.verdicts import Verdicts, all_verdicts, on_campaign, on_honest


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


def make_world(scenario: Scenario, scale: float, seed: int, pools: Path | None, days: int, start: datetime) -> World:
    """Draw all accounts of the scenario at the scale.

    Raises InputError for more accounts than there are numbers.
    """
    clockwork = Clockwork.make() if pools is None else pool_files.clockwork(pools)
    segments: list[Segment] = []
    first = 0
    for name, count in _sizes(scenario, scale):
        rng = np.random.default_rng([seed, 4, first])
        cohort = COHORTS[name]
        accounts = make_accounts(cohort, count, first, days, clockwork, seed)
        accounts = accounts.but(rate=accounts.rate * scenario.pace)
        segments.append(Segment(first, cohort, accounts, on_honest(cohort, accounts, days, rng)))
        first += count
    operations = _operations(scenario, seed, pools)
    for number, operation in enumerate(operations):
        tactics = operation.campaign.tactics
        for name, count in split(tactics, max(2, round(tactics.accounts * scale)), number, seed):
            rng = np.random.default_rng([seed, 4, first])
            accounts = enlist(operation, name, count, first, days, clockwork, seed, scenario.pace)
            verdicts = on_campaign(tactics, accounts, days, rng)
            segments.append(Segment(first, COHORTS[name], accounts, verdicts, operation))
            first += count
    if first >= OWNERS:
        raise InputError(
            f"The scale {scale} gives {first} accounts: expected fewer than {OWNERS}, choose a smaller scale."
        )
    material: Material = Grammar(seed) if pools is None else pool_files.Real(pools, seed)
    pairs: Pairs = {} if pools is None else pool_files.lengths(pools)
    accounts = together([s.accounts for s in segments])
    verdicts = all_verdicts([s.verdicts for s in segments])
    return World(
        scenario=scenario,
        days=days,
        start=start,
        seed=seed,
        segments=tuple(segments),
        operations=tuple(operations),
        accounts=accounts,
        verdicts=verdicts,
        systems=pl.concat([standing_systems(s.cohort, s.accounts, material) for s in segments]),
        material=material,
        clockwork=clockwork,
        pairs=pairs,
    )


def _sizes(scenario: Scenario, scale: float) -> list[tuple[str, int]]:
    """Accounts of each cohort: shares of the whole, at least one each."""
    total = sum(scenario.cohorts.values())
    honest = scenario.honest * scale
    return [(name, max(1, round(honest * share / total))) for name, share in scenario.cohorts.items()]


def _operations(scenario: Scenario, seed: int, pools: Path | None) -> list[Operation]:
    known = families(pools)
    made: list[Operation] = []
    for number, campaign in enumerate(scenario.campaigns):
        family = known[campaign.family]
        rng = np.random.default_rng([seed, 5, number])
        made.append(Operation(campaign, family, Wrapper.of(family, campaign.tactics.versions, rng), number))
    return made
