"""Draw the accounts of a campaign: disguised as honest cohorts, then changed as the tactics say."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from simulation.accounts import (
    DrawnAccounts,
    concatenate_accounts,
    draw_access,
    draw_networks,
    draw_plans,
    make_accounts,
)
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.constants.assumed import GRACE, RELEASED
from simulation.draws import Flags, Floats, Ints, choose, keyed, unit
from simulation.enforcement import DrawnEnforcement
from simulation.families import Family
from simulation.tactics import Campaign, Tactics
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import Clockwork

OWNERS = 1 << 23  # campaigns' texts belong to owners from this number on; account numbers lie below it
LEAST_ACTIVE = 0.3  # smallest share of days on which an account in disguise serves; assumed
_TENTHS = 2.563  # standard deviations between the first and the last tenth of a normal distribution


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The wordings of a family's template.

    Attributes:
        slots: names of the slots, in order.
        literals: the texts before, between and after the slots: a series for each, with a row for each wording.
    """

    slots: tuple[str, ...]
    literals: tuple[pl.Series, ...]

    @classmethod
    def of(cls, family: Family, count: int, rng: np.random.Generator) -> "Wrapper":
        """Draw `count` wordings of the family."""
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
class ProxyPool:
    """Proxy accounts that a campaign takes into service together; days count from the start of the world."""

    accounts: int
    begin: float
    end: float
    per_day: tuple[float, float]
    purged: float = np.inf  # the day on which all of them are banned
    relieves: bool = False  # takes over from a banned pool within hours


def plan_pools(tactics: Tactics, scale: float, days: int) -> list[ProxyPool]:
    """Plan the campaign's pool and, where the tactics ban it, the second pool that takes over."""
    begin, end = tactics.days[0] * days, tactics.days[1] * days
    size = max(2, round(tactics.accounts * scale))
    if tactics.purge is None:
        return [ProxyPool(accounts=size, begin=begin, end=end, per_day=tactics.per_day)]
    ban = tactics.purge * days
    first = ProxyPool(accounts=size, begin=begin, end=ban + 0.5, per_day=tactics.per_day, purged=ban)
    second_rate = tactics.second_per_day or tactics.per_day
    return [
        first,
        ProxyPool(
            accounts=max(2, round(tactics.second_pool * scale)), begin=ban, end=end, per_day=second_rate, relieves=True
        ),
    ]


def enlist(
    operation: Operation, pool: ProxyPool, first: int, days: int, clockwork: Clockwork, seed: int
) -> tuple[DrawnAccounts, list[tuple[str, int]]]:
    """Draw the accounts of the pool, numbered from `first`.

    Returns:
        The accounts, ordered by disguise, and for each disguise (a cohort's name) the number of its accounts.
    """
    tactics, number, family = operation.campaign.tactics, operation.number, operation.family
    rng = np.random.default_rng([seed, 2, first])
    disguises = split_disguises(tactics, pool.accounts, number, seed)
    starts = first + np.cumsum([0, *(size for _, size in disguises)])
    accounts = concatenate_accounts(
        [
            make_accounts(COHORTS[name], size, int(start), days, clockwork, seed)
            for (name, size), start in zip(disguises, starts, strict=False)
        ]
    )
    count = len(accounts)
    joins, leaves = _draw_service(tactics, pool, count, rng)
    pivots = rng.random(count) < tactics.pivot
    paced = rng.random(count) >= tactics.human
    low, high = np.log(pool.per_day)
    spread = (high - low) / _TENTHS * (1.0 - tactics.even)
    accounts = accounts.with_arrays(
        rate=accounts.rate * tactics.past,
        service_rate=np.exp(rng.normal((low + high) / 2.0, spread, count)),
        ramp=np.full(count, max(tactics.ramp, 0.01)),
        created=_draw_signups(tactics, pool, joins, rng),
        left=np.full(count, np.inf),
        adopts=np.where(pivots, days * RELEASED + rng.uniform(0.05, 1.0, count), accounts.adopts),
        payer=_draw_payers(operation, pool, accounts.payer, rng),
        begin=joins,
        end=leaves,
        stamina=accounts.stamina * 2.0,  # it has more to send in a sitting than a person would
        tempo=np.where(paced, rng.lognormal(-1.2, 1.0, count), accounts.tempo),
        wording=rng.integers(0, tactics.versions, count),
        is_paced=paced,
        is_dealt=np.full(count, tactics.dealt),
        synchrony=np.full(count, tactics.synchrony),
        strangers=np.full(count, tactics.strangers),
        pool_owner=np.where(rng.random(count) < tactics.pooled, operation.owner, 0),
        pool_addresses=np.full(count, max(4, pool.accounts // 4)),
        duty_tools=rng.integers(family.tools[0], family.tools[1] + 1, count),
        campaign=np.full(count, number),
        devotion=1.0 - _draw_cover(tactics, count, rng),
        **_draw_access(tactics, accounts, seed),
        **_draw_turns(tactics, accounts, days, rng),
    )
    return accounts, disguises


def _draw_cover(tactics: Tactics, count: int, rng: np.random.Generator) -> Floats:
    """Draw the share of cover in each account's requests; some accounts carry much more than others."""
    if not 0.0 < tactics.cover < 1.0:
        return np.full(count, tactics.cover)
    return rng.beta(assumed.COVERS * tactics.cover, assumed.COVERS * (1.0 - tactics.cover), count)


def _draw_signups(tactics: Tactics, pool: ProxyPool, joins: Floats, rng: np.random.Generator) -> Floats:
    """Draw when accounts signed up: long ago with an ordinary past, else in a burst of sign-ups before they serve.

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


def _draw_payers(operation: Operation, pool: ProxyPool, own: Ints, rng: np.random.Generator) -> Ints:
    """Draw who pays: for a share of the pool its common instruments, dealt out evenly."""
    tactics = operation.campaign.tactics
    payers = np.flatnonzero(rng.random(len(own)) < tactics.payment)
    instruments = max(1, round(len(payers) / tactics.instrument))
    payer = own.copy()
    first = OWNERS * (1 + 2 * operation.number + pool.relieves)
    payer[rng.permutation(payers)] = first + np.arange(len(payers)) % instruments
    return payer


def _draw_access(tactics: Tactics, accounts: DrawnAccounts, seed: int) -> dict[str, Any]:
    """Draw plans, access and networks where the tactics do not leave them to the disguise."""
    changed: dict[str, Any] = {}
    if tactics.plans is not None:
        changed["plan"] = draw_plans(tactics.plans, accounts.number, seed)
    if tactics.access is not None:
        changed |= draw_access(tactics.access, accounts.number, seed)
    if tactics.rotates is not None:
        changed["rotates"] = unit(keyed(accounts.number, 426, seed)) < tactics.rotates
    if tactics.networks is not None:
        kinds = dict(tactics.networks)
        changed["networks"] = draw_networks(kinds, accounts.address_holder, 0, seed)
        changed["elsewhere"] = draw_networks(kinds, accounts.address_holder, 1, seed)
    return changed


def replace_banned(
    tactics: Tactics, accounts: DrawnAccounts, banned: Floats, rng: np.random.Generator
) -> tuple[DrawnAccounts, Ints]:
    """Replace some accounts that are banned while they serve.

    A new account takes over load and wording within minutes to an hour.

    Returns:
        All accounts, and the rows of the new ones.
    """
    lost = np.flatnonzero((banned < accounts.end - 0.25) & (rng.random(len(accounts)) < tactics.replaced))
    spare = rng.permutation(np.flatnonzero(np.isinf(banned)))[: len(lost)]
    lost = lost[: len(spare)]
    begin = banned[lost] + rng.exponential(assumed.SUCCESSION, len(lost)) + 0.002
    change: dict[str, Any] = {
        "begin": begin,
        "end": accounts.end[lost],
        "created": begin - rng.uniform(0.001, 0.02, len(lost)),
        "service_rate": accounts.service_rate[lost],
        "wording": accounts.wording[lost],
        "ramp": np.full(len(lost), 0.01),
    }
    changed = {name: getattr(accounts, name).copy() for name in change}
    for name, values in change.items():
        changed[name][spare] = values
    return accounts.with_arrays(**changed), spare


def _draw_turns(tactics: Tactics, accounts: DrawnAccounts, days: int, rng: np.random.Generator) -> dict[str, Any]:
    """Draw retreats to a weaker model, missing metadata and probes."""
    count = len(accounts)
    hours, probing = tactics.probes
    after, blank = tactics.blank
    later, retreating = tactics.retreat
    flees, fled = rng.random(count) < retreating, later * days + rng.exponential(0.3, count)
    vanishes = rng.random(count) < blank
    return {
        "clock_interval": np.where(rng.random(count) < probing, hours / 24.0, 0.0),
        "retreats": np.where(flees, fled, accounts.retreats),
        "blanks": np.where(vanishes, after * days + rng.uniform(0.0, 0.3, count), accounts.blanks),
    }


def _draw_service(tactics: Tactics, pool: ProxyPool, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw when each account begins and ends to serve the campaign.

    It serves `stay` of the pool's time on average, and at least a day. In a pool that will be banned it serves to the
    end, in a pool that takes over from the first hours on.
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


def split_disguises(tactics: Tactics, count: int, number: int, seed: int) -> list[tuple[str, int]]:
    """Draw how many of `count` accounts pass for each cohort."""
    picks = choose(dict(tactics.disguises), keyed(np.arange(count), number, 409, seed))
    sizes: Ints = np.bincount(picks, minlength=len(tactics.disguises))
    return [(name, int(size)) for name, size in zip(tactics.disguises, sizes, strict=True) if size]


def is_in_service(accounts: DrawnAccounts, day: int) -> Flags:
    """Whether each account serves a campaign for some part of the day."""
    return np.asarray((accounts.begin < day + 1.0) & (accounts.end > day), dtype=bool)


def daily_rate(accounts: DrawnAccounts, day: int) -> Floats:
    """The mean requests of each account on a whole day of service, with cover; fewer while it warms up."""
    warm = np.clip((day + 1.0 - accounts.begin) / accounts.ramp, 0.15, 1.0)
    return np.asarray(accounts.service_rate * warm, dtype=np.float64)


def mood_factor(factor: Floats) -> Floats:
    """The disguise's factor for the day, limited as accounts in service follow it only in part."""
    return np.asarray(np.clip(factor, 0.3, 1.3), dtype=np.float64)


def expected_requests(
    accounts: DrawnAccounts, enforcement: DrawnEnforcement, days: int, weekday: int, clockwork: Clockwork
) -> float:
    """The mean number of requests that the accounts will send in service; `weekday` is that of the first day."""
    first = np.maximum(accounts.begin, np.maximum(accounts.created, 0.0))
    last = np.minimum(accounts.end, np.minimum(enforcement.banned + GRACE, accounts.left))
    total = 0.0
    for day in range(days):
        overlap = np.clip(np.minimum(last, day + 1.0) - np.maximum(first, day), 0.0, 1.0)
        mood = mood_factor(clockwork.day_factor(accounts.profile, (weekday + day) % 7))
        clock = np.where(accounts.clock_interval > 0.0, 1.0 / np.maximum(accounts.clock_interval, 1e-9), 0.0)
        total += float((overlap * (daily_rate(accounts, day) * np.where(accounts.is_paced, 1.0, mood) + clock)).sum())
    return total
