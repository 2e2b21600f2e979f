"""Accounts of a campaign: disguised as cohorts, then changed by what the tactics say."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from simulation.accounts import DrawnAccounts, make_accounts, networks_of, plans_of, together, ways_in
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.constants.assumed import GRACE, RELEASED
from simulation.draws import Flags, Floats, Ints, choose, keyed, unit
from simulation.enforcement import Verdicts
from simulation.families import Family
from simulation.tactics import Campaign, Tactics
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import Clockwork

OWNERS = 1 << 23  # texts of campaigns belong to owners above this number, accounts lie below
LEAST_ACTIVE = 0.3  # share of days on which an account in disguise serves, at least
_TENTHS = 2.563  # standard deviations between the first and the last tenth of a normal distribution


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

    @property
    def lengths(self) -> int:
        """Position of the family's lengths in LENGTHS."""
        return list(LENGTHS).index(self.family.lengths)


@dataclass(frozen=True, slots=True)
class Pool:
    """Accounts that a campaign takes into service together; days from the start of the world."""

    accounts: int
    begin: float
    end: float
    per_day: tuple[float, float]
    purged: float = np.inf  # the day on which all of them are banned
    relieves: bool = False  # takes over from a banned pool within hours


def pools_of(tactics: Tactics, scale: float, days: int) -> list[Pool]:
    """The campaign's pool, and the second one that follows a ban of it."""
    begin, end = tactics.days[0] * days, tactics.days[1] * days
    size = max(2, round(tactics.accounts * scale))
    if tactics.purge is None:
        return [Pool(size, begin, end, tactics.per_day)]
    ban = tactics.purge * days
    first = Pool(size, begin, ban + 0.5, tactics.per_day, purged=ban)
    later = tactics.second_per_day or tactics.per_day
    return [first, Pool(max(2, round(tactics.second_pool * scale)), ban, end, later, relieves=True)]


def enlist(
    operation: Operation, pool: Pool, first: int, days: int, clockwork: Clockwork, seed: int
) -> tuple[DrawnAccounts, list[tuple[str, int]]]:
    """The accounts of the pool, numbered from `first`, and how many of them in turn pass for which cohort."""
    tactics, number, family = operation.campaign.tactics, operation.number, operation.family
    rng = np.random.default_rng([seed, 2, first])
    disguises = split(tactics, pool.accounts, number, seed)
    starts = first + np.cumsum([0, *(size for _, size in disguises)])
    accounts = together(
        [
            make_accounts(COHORTS[name], size, int(start), days, clockwork, seed)
            for (name, size), start in zip(disguises, starts, strict=False)
        ]
    )
    count = len(accounts)
    joins, leaves = _service(tactics, pool, count, rng)
    pivots = rng.random(count) < tactics.pivot
    paced = rng.random(count) >= tactics.human
    low, high = np.log(pool.per_day)
    spread = (high - low) / _TENTHS * (1.0 - tactics.even)
    accounts = accounts.but(
        rate=accounts.rate * tactics.past,
        duty=np.exp(rng.normal((low + high) / 2.0, spread, count)),
        ramp=np.full(count, max(tactics.ramp, 0.01)),
        created=_created(tactics, pool, joins, rng),
        left=np.full(count, np.inf),
        adopts=np.where(pivots, days * RELEASED + rng.uniform(0.05, 1.0, count), accounts.adopts),
        purse=_purses(operation, pool, accounts.purse, rng),
        begin=joins,
        end=leaves,
        stamina=accounts.stamina * 2.0,  # it has more to send in a sitting than a person would
        tempo=np.where(paced, rng.lognormal(-1.2, 1.0, count), accounts.tempo),
        wording=rng.integers(0, tactics.versions, count),
        paced=paced,
        synchrony=np.full(count, tactics.synchrony),
        strangers=np.full(count, tactics.strangers),
        resident=np.where(rng.random(count) < tactics.pooled, operation.owner, 0),
        pool=np.full(count, max(4, pool.accounts // 4)),
        duty_tools=rng.integers(family.tools[0], family.tools[1] + 1, count),
        campaign=np.full(count, number),
        devotion=1.0 - _covers(tactics, count, rng),
        **_access(tactics, accounts, seed),
        **_turns(tactics, accounts, days, rng),
    )
    return accounts, disguises


def _covers(tactics: Tactics, count: int, rng: np.random.Generator) -> Floats:
    """Share of cover in the requests of each account: some carry much more of it than others."""
    if not 0.0 < tactics.cover < 1.0:
        return np.full(count, tactics.cover)
    return rng.beta(assumed.COVERS * tactics.cover, assumed.COVERS * (1.0 - tactics.cover), count)


def _created(tactics: Tactics, pool: Pool, joins: Floats, rng: np.random.Generator) -> Floats:
    """When accounts signed up: long before with an ordinary past, else in one of the pool's bursts before they serve.

    The first burst lies before the pool begins, the others spread over the time in which accounts join.
    """
    count, burst = len(joins), tactics.burst / 24.0
    aged = rng.random(count) < tactics.aged
    past = np.minimum(-rng.gamma(*assumed.AGE, count), joins - 1.0)
    opens = pool.begin - rng.exponential(0.5) - burst
    moments = np.r_[opens, np.sort(rng.uniform(opens, max(joins.max(), opens + 0.1), tactics.signups - 1))]
    over = np.searchsorted(moments + burst, joins, side="right") - 1  # the last one that is over when it joins
    # not all wait for the last: stocks of accounts are laid in ahead
    chosen = np.maximum(over - (rng.random(count) < 0.3), 0)
    return np.where(aged, past, np.minimum(moments[chosen] + rng.uniform(0.0, burst, count), joins - 0.01))


def _purses(operation: Operation, pool: Pool, own: Ints, rng: np.random.Generator) -> Ints:
    """Who pays: for a share of the pool its common instruments, dealt out evenly among those who use them."""
    tactics = operation.campaign.tactics
    payers = np.flatnonzero(rng.random(len(own)) < tactics.payment)
    instruments = max(1, round(len(payers) / tactics.instrument))
    purse = own.copy()
    first = OWNERS * (1 + 2 * operation.number + pool.relieves)
    purse[rng.permutation(payers)] = first + np.arange(len(payers)) % instruments
    return purse


def _access(tactics: Tactics, accounts: DrawnAccounts, seed: int) -> dict[str, Any]:
    """Plans, ways in, kinds and rotation of addresses, where the tactics do not leave them to the disguise."""
    changed: dict[str, Any] = {}
    if tactics.plans is not None:
        changed["plan"] = plans_of(tactics.plans, accounts.no, seed)
    if tactics.access is not None:
        changed |= ways_in(tactics.access, accounts.no, seed)
    if tactics.rotates is not None:
        changed["rotates"] = unit(keyed(accounts.no, 426, seed)) < tactics.rotates
    if tactics.networks is not None:
        kinds = dict(tactics.networks)
        changed["networks"] = networks_of(kinds, accounts.place, 0, seed)
        changed["elsewhere"] = networks_of(kinds, accounts.place, 1, seed)
    return changed


def succeeded(
    tactics: Tactics, accounts: DrawnAccounts, banned: Floats, rng: np.random.Generator
) -> tuple[DrawnAccounts, Ints]:
    """The accounts with new ones in the place of some that are banned while they serve, and which those are.

    A new one takes over the load and the wording within minutes to an hour.
    """
    lost = np.flatnonzero((banned < accounts.end - 0.25) & (rng.random(len(accounts)) < tactics.replaced))
    spare = rng.permutation(np.flatnonzero(np.isinf(banned)))[: len(lost)]
    lost = lost[: len(spare)]
    begin = banned[lost] + rng.exponential(assumed.SUCCESSION, len(lost)) + 0.002
    change: dict[str, Any] = {
        "begin": begin,
        "end": accounts.end[lost],
        "created": begin - rng.uniform(0.001, 0.02, len(lost)),
        "duty": accounts.duty[lost],
        "wording": accounts.wording[lost],
        "ramp": np.full(len(lost), 0.01),
    }
    changed = {name: getattr(accounts, name).copy() for name in change}
    for name, values in change.items():
        changed[name][spare] = values
    return accounts.but(**changed), spare


def _turns(tactics: Tactics, accounts: DrawnAccounts, days: int, rng: np.random.Generator) -> dict[str, Any]:
    """Retreat to a weaker model, missing metadata, probes."""
    count = len(accounts)
    hours, probing = tactics.probes
    after, blank = tactics.blank
    later, retreating = tactics.retreat
    flees, fled = rng.random(count) < retreating, later * days + rng.exponential(0.3, count)
    vanishes = rng.random(count) < blank
    return {
        "every": np.where(rng.random(count) < probing, hours / 24.0, 0.0),
        "retreats": np.where(flees, fled, accounts.retreats),
        "blanks": np.where(vanishes, after * days + rng.uniform(0.0, 0.3, count), accounts.blanks),
    }


def _service(tactics: Tactics, pool: Pool, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """When each account begins and ends to serve the campaign.

    It serves `stay` of the pool's time on average, at least a day; of a pool that is banned or takes over, to the end
    or from the first hours on.
    """
    span = pool.end - pool.begin
    drawn = rng.beta(6.0 * tactics.stay + 0.2, 6.0 * (1.0 - tactics.stay) + 0.2, count)
    length = np.clip(span * drawn, min(1.0, span), span)
    joins = pool.begin + rng.random(count) * (span - length)
    if pool.relieves:
        joins = pool.begin + np.minimum(rng.exponential(0.15, count), span * 0.2)
        length = pool.end - joins
    if np.isfinite(pool.purged):
        length = pool.end - joins
    return joins, joins + length


def split(tactics: Tactics, count: int, number: int, seed: int) -> list[tuple[str, int]]:
    """How many of `count` accounts pass for each cohort."""
    picks = choose(dict(tactics.disguises), keyed(np.arange(count), number, 409, seed))
    sizes: Ints = np.bincount(picks, minlength=len(tactics.disguises))
    return [(name, int(size)) for name, size in zip(tactics.disguises, sizes, strict=True) if size]


def in_service(accounts: DrawnAccounts, day: int) -> Flags:
    """Accounts that serve a campaign for some part of the day."""
    return np.asarray((accounts.begin < day + 1.0) & (accounts.end > day), dtype=bool)


def daily_rate(accounts: DrawnAccounts, day: int) -> Floats:
    """Mean requests of each account on a whole day of service, cover included, while it warms up and later."""
    warm = np.clip((day + 1.0 - accounts.begin) / accounts.ramp, 0.15, 1.0)
    return np.asarray(accounts.duty * warm, dtype=np.float64)


def mood_factor(factor: Floats) -> Floats:
    """How far accounts in disguise follow the week of the disguise."""
    return np.asarray(np.clip(factor, 0.3, 1.3), dtype=np.float64)


def expected(accounts: DrawnAccounts, verdicts: Verdicts, days: int, weekday: int, clockwork: Clockwork) -> float:
    """Requests that the accounts will send in service, in the mean; `weekday` is that of the first day."""
    first = np.maximum(accounts.begin, np.maximum(accounts.created, 0.0))
    last = np.minimum(accounts.end, np.minimum(verdicts.banned + GRACE, accounts.left))
    total = 0.0
    for day in range(days):
        overlap = np.clip(np.minimum(last, day + 1.0) - np.maximum(first, day), 0.0, 1.0)
        mood = mood_factor(clockwork.day_factor(accounts.profile, (weekday + day) % 7))
        clock = np.where(accounts.every > 0.0, 1.0 / np.maximum(accounts.every, 1e-9), 0.0)
        total += float((overlap * (daily_rate(accounts, day) * np.where(accounts.paced, 1.0, mood) + clock)).sum())
    return total
