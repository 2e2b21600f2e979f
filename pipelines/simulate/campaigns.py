"""Accounts of a campaign: disguised as cohorts, then changed by what the tactics say."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulate.codes import Floats, Ints, choose, keyed
from pipelines.simulate.cohorts import COHORTS
from pipelines.simulate.families import Family
from pipelines.simulate.lengths import LENGTHS
from pipelines.simulate.people import Accounts, make_accounts, networks_of
from pipelines.simulate.rhythm import Clockwork
from pipelines.simulate.tactics import Campaign, Tactics

OWNERS = 1 << 23  # texts of campaigns belong to owners above this number, accounts lie below


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A family's wordings: literal texts between the slots.

    One table for each place, one row for each wording.
    """

    slots: tuple[str, ...]
    literals: tuple[pl.Series, ...]

    @classmethod
    def of(cls, family: Family, count: int, rng: np.random.Generator) -> "Wrapper":
        """`count` wordings of the family."""
        wordings = family.versions(count, rng)
        return cls(family.slots(), tuple(pl.Series([w[k] for w in wordings]) for k in range(len(wordings[0]))))


@dataclass(frozen=True, slots=True)
class Operation:
    """A campaign as it runs: its number, its family and the wordings of its template."""

    campaign: Campaign
    family: Family
    wrapper: Wrapper
    number: int

    @property
    def owner(self) -> int:
        """Owner of the campaign's texts."""
        return OWNERS + self.number


def enlist(
    operation: Operation,
    cohort: str,
    count: int,
    first: int,
    days: int,
    clockwork: Clockwork,
    seed: int,
    pace: float,
) -> Accounts:
    """`count` accounts of the campaign that pass for accounts of the cohort, numbered from `first`.

    `pace` multiplies the rate of what they send outside their service.
    """
    tactics, number, family = operation.campaign.tactics, operation.number, operation.family
    rng = np.random.default_rng([seed, 2, first])
    accounts = make_accounts(COHORTS[cohort], count, first, days, clockwork, seed)
    begin, end = tactics.days[0] * days, tactics.days[1] * days
    networks = None if tactics.networks is None else dict(tactics.networks)
    joins, leaves = _service(tactics, begin, end, count, rng)
    aged = rng.random(count) < tactics.aged
    fresh = joins - rng.exponential(tactics.burst / 24.0, count) - 0.02
    shared = rng.random(count) < tactics.payment
    purse = OWNERS + number * 100_000 + rng.integers(0, max(1, count // tactics.instrument), count)
    return accounts.but(
        rate=accounts.rate * pace,
        created=np.where(aged, np.minimum(-rng.gamma(1.6, 130.0, count), joins - 1.0), fresh),
        left=np.full(count, np.inf),
        adopts=np.where(rng.random(count) < tactics.pivot, days * 0.4 + rng.uniform(0.05, 1.0, count), accounts.adopts),
        purse=np.where(shared, purse, accounts.purse),
        begin=joins,
        end=leaves,
        wording=rng.integers(0, tactics.versions, count),
        paced=rng.random(count) >= tactics.human,
        resident=np.where(rng.random(count) < tactics.pooled, OWNERS + number, 0),
        pool=np.full(count, max(4, tactics.accounts // 4)),
        rotates=accounts.rotates if tactics.rotates is None else np.full(count, tactics.rotates),
        networks=accounts.networks if networks is None else networks_of(networks, accounts.place, 0, seed),
        elsewhere=accounts.elsewhere if networks is None else networks_of(networks, accounts.place, 1, seed),
        duty_lengths=np.full(count, list(LENGTHS).index(family.lengths)),
        duty_tools=rng.integers(family.tools[0], family.tools[1] + 1, count),
        campaign=np.full(count, number),
        devotion=np.full(count, 1.0 - tactics.cover),
    )


def _service(tactics: Tactics, begin: float, end: float, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """When each account begins and ends to serve the campaign.

    It serves `stay` of the campaign's length on average, at least a day.
    """
    span = end - begin
    length = np.clip(
        span * rng.beta(6.0 * tactics.stay + 0.2, 6.0 * (1.0 - tactics.stay) + 0.2, count),
        min(1.0, span),
        span,
    )
    joins = begin + rng.random(count) * (span - length)
    return joins, joins + length


def split(tactics: Tactics, count: int, number: int, seed: int) -> list[tuple[str, int]]:
    """How many of `count` accounts pass for each cohort."""
    picks = choose(dict(tactics.disguises), keyed(np.arange(count), number, 409, seed))
    sizes: Ints = np.bincount(picks, minlength=len(tactics.disguises))
    return [(name, int(size)) for name, size in zip(tactics.disguises, sizes, strict=True) if size]


def daily_rate(tactics: Tactics, accounts: Accounts, day: int, seed: int) -> Floats:
    """Mean requests of each account on a day of the campaign, cover included.

    It is 0 outside the account's service.
    """
    low, high = tactics.per_day
    own = np.random.default_rng([seed, 3, int(accounts.no[0])]).uniform(low, high, len(accounts))
    overlap = np.clip(np.minimum(accounts.end, day + 1.0) - np.maximum(accounts.begin, day), 0.0, 1.0)
    warm = np.clip((day + 1.0 - accounts.begin) / max(tactics.ramp, 0.01), 0.15, 1.0)
    out: Floats = own * overlap * warm
    return out
