"""Accounts drawn from a cohort: everything that stays the same while the world runs, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from simulation.cohorts import COHORTS, Cohort
from simulation.cohorts.base import PLANS
from simulation.constants import assumed
from simulation.constants.assumed import MODEL_NAMES, RELEASED
from simulation.draws import Flags, Floats, Ints, below, choose, keyed, unit
from simulation.traffic.infrastructure import NETWORKS, client_table, countries
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS, Clockwork

CHANNELS = tuple(sorted({way.split()[0] for cohort in COHORTS.values() for way in cohort.access}))
TEMPERATURES = np.array([np.nan, np.nan, np.nan, 1.0, 0.7, 0.2, 0.0, 0.5, 0.8])
ANSWER_LIMITS = np.array([0, 0, 0, 1024, 2048, 4096, 8192], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class DrawnAccounts:
    """Arrays with one entry an account.

    Days count from the start of the world, may be negative, are floats.
    """

    no: Ints  # number in the world, from 0
    team: Ints  # number of the team, the lowest account number in it
    created: Floats
    left: Floats  # day of the last request an account may send
    rate: Floats  # requests an active day
    active: Floats  # share of active days
    country: Ints
    profile: Ints  # hour-of-week profile
    anchor: Floats  # own hour, for anchored rhythms
    plan: Ints  # position in PLANS
    channel: Ints  # position in CHANNELS
    client: Ints  # row of the client table, -1 without one
    slots: Ints  # addresses at a time
    place: Ints  # who the addresses belong to: an account or team number
    purse: Ints  # who pays
    author: Ints  # who the texts belong to
    model: Ints
    adopts: Floats  # day from which the released model is used, inf for never
    retreats: Floats  # day from which the weakest model is used, inf for never
    blanks: Floats  # day from which metadata is missing, inf for never
    every: Floats  # days between requests that come on the minute, 0 for none
    rush: Floats  # factor on the rate in the three days after the release
    temperature: Floats
    limit: Ints  # max_tokens, 0 for none
    streams: Flags
    keys: Ints
    tools: Ints
    talks: Floats  # share of the sessions that carry a conversation id
    tempo: Floats  # factor on the gaps inside sessions
    stamina: Floats  # factor on the requests of a session
    brevity: Floats  # factors on the tokens of answers and of context besides the text
    depth: Floats
    pastes: Floats  # share of requests below which something is pasted
    page: Floats  # sentences of that, median
    stock: Floats  # share of ordinary requests that are stock phrases
    again: Floats  # share of requests that repeat the one before
    plain: Flags  # in a campaign: keeps the disguise's system prompt, tools and context
    throttled: Floats  # share of requests answered with 429
    begin: Floats  # first and last day in the campaign, nan outside campaigns
    end: Floats
    duty: Floats  # requests a day while it serves
    ramp: Floats  # days from first request to full rate
    synchrony: Floats  # share of sittings that begin when those of the campaign's other accounts do
    strangers: Ints  # how many people's texts its ordinary requests are while it serves
    wording: Ints  # wording of the campaign's template
    paced: Flags  # machine-paced in the campaign, not in the disguise's rhythm
    resident: Ints  # > 0: uses the campaign's own addresses
    pool: Ints  # how many of those there are
    rotates: Flags  # new addresses every day
    networks: Ints  # kind of network of the first address
    elsewhere: Ints  # and of the others
    cohort: Ints  # position in COHORTS
    rhythm: Ints  # position in RHYTHMS
    lengths: Ints  # position in LENGTHS
    duty_tools: Ints
    campaign: Ints  # number of the campaign, -1 outside campaigns
    devotion: Floats  # share of requests that are the campaign's own while it serves
    guest: Ints  # number of a second campaign on the same account, -1 without one
    guest_begin: Floats
    guest_end: Floats
    guest_share: Floats  # share of the campaign's own requests that are the guest's

    def __len__(self) -> int:
        return len(self.no)

    def but(self, **changes: Any) -> "DrawnAccounts":
        """The same accounts with some arrays replaced."""
        return replace(self, **changes)

    def at(self, rows: slice | Ints) -> "DrawnAccounts":
        """The accounts at the rows."""
        return DrawnAccounts(**{f.name: getattr(self, f.name)[rows] for f in fields(DrawnAccounts)})


def together(parts: list[DrawnAccounts]) -> DrawnAccounts:
    """The accounts of several parts, in order."""
    columns = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(DrawnAccounts)}
    return DrawnAccounts(**columns)


def _teams(cohort: Cohort, count: int, first: int, rng: np.random.Generator) -> Ints:
    sizes = rng.integers(cohort.team[0], cohort.team[1] + 1, count)
    ends = np.cumsum(sizes)
    starts = np.concatenate([[0], ends[:-1]])
    return np.asarray(first + starts[np.searchsorted(ends, np.arange(count), side="right")], dtype=np.int64)


def _profiles(cohort: Cohort, own: Ints, clockwork: Clockwork) -> Ints:
    rhythm = RHYTHMS[cohort.rhythm]
    measured = [i for i, name in enumerate(clockwork.names) if name.startswith(rhythm.measured or "-")]
    if measured:
        return np.asarray(measured)[below(keyed(own, 401), len(measured))]
    known = np.array([clockwork.names.index(name) for name in rhythm.profiles])
    return np.asarray(known[choose(dict(rhythm.profiles), keyed(own, 402))])


def ways_in(access: Mapping[str, float], no: Ints, seed: int) -> dict[str, Any]:
    """Channel and client of each account, from shares of "channel client"."""
    chosen = choose(dict(access), keyed(no, 405, seed))
    spans = client_table()[2]
    ranges = np.array([spans.get(way.split()[1], (-1, 1)) for way in access])[chosen]
    client = np.where(ranges[:, 0] < 0, -1, ranges[:, 0] + below(keyed(no, 403), ranges[:, 1]))
    return {"channel": np.array([CHANNELS.index(way.split()[0]) for way in access])[chosen], "client": client}


def plans_of(shares: Mapping[str, float], customer: Ints, seed: int) -> Ints:
    """Plan of each customer (position in PLANS)."""
    return np.array([PLANS.index(name) for name in shares])[choose(dict(shares), keyed(customer, 404, seed))]


def make_accounts(cohort: Cohort, count: int, first: int, days: int, clockwork: Clockwork, seed: int) -> DrawnAccounts:
    """`count` accounts of the cohort, numbered from `first`, in a world of `days` days.

    The same (cohort, first, seed) gives the same accounts.
    """
    rng = np.random.default_rng([seed, 1, first])
    no = np.arange(first, first + count, dtype=np.int64)
    team = _teams(cohort, count, first, rng)

    def owner(what: str) -> Ints:
        return team if what in cohort.common else no

    young = rng.random(count) < cohort.young
    past = -rng.gamma(*assumed.AGE, count)
    born = np.where(young, rng.uniform(0.0, days * 0.85, count), past)
    # a class signs up within the hour, seats of a company within weeks
    if "assignment" in cohort.common:
        born = _together(born, team, first, 0.04, rng)
    kinds = [networks_of(dict(cohort.networks), owner("address"), slot, seed) for slot in (0, 1)]
    return DrawnAccounts(
        no=no,
        team=team,
        created=born,
        left=np.where(
            rng.random(count) < assumed.LEAVES,
            np.maximum(born, 0) + rng.uniform(2.0, max(days, 2.0), count),
            np.inf,
        ),
        rate=rng.lognormal(np.log(cohort.rate[0]), cohort.rate[1], count).clip(0.5, cohort.rate[0] * 8.0),
        active=rng.beta(8.0 * cohort.active + 0.3, 8.0 * (1.0 - cohort.active) + 0.3, count),
        country=countries(keyed(owner("address"), 406, seed)),
        profile=_profiles(cohort, owner("hours"), clockwork),
        anchor=unit(keyed(owner("assignment"), 407, seed)) * 24.0,
        plan=plans_of(cohort.plans, owner("organization"), seed),
        **ways_in(cohort.access, no, seed),
        slots=rng.integers(cohort.addresses[0], cohort.addresses[1] + 1, count),
        place=owner("address"),
        purse=owner("payment"),
        author=no,
        model=_models(cohort, owner("system"), seed),
        adopts=_adopts(cohort, count, days, rng),
        tools=np.maximum(rng.integers(cohort.tools[0], cohort.tools[1] + 1, count), 0),
        throttled=np.where(rng.random(count) < assumed.LIMITED, rng.beta(1.0, 1.0 / assumed.HURRIED - 1.0, count), 0.0),
        rotates=cohort.rotates | (_at_home(kinds[0]) & (rng.random(count) < assumed.MOVING)),
        networks=kinds[0],
        elsewhere=kinds[1],
        cohort=np.full(count, list(COHORTS).index(cohort.name)),
        rhythm=np.full(count, list(RHYTHMS).index(cohort.rhythm)),
        lengths=np.full(count, list(LENGTHS).index(cohort.lengths)),
        **_settings(count, rng),
        **_habits(cohort, count, rng),
        **_turns(cohort, count, days, rng),
        **_outside_campaigns(count),
    )


def _models(cohort: Cohort, owner: Ints, seed: int) -> Ints:
    offered = dict(cohort.models or assumed.MODELS)
    places = np.array([MODEL_NAMES.index(name) for name in offered])
    return np.asarray(places[choose(offered, keyed(owner, 408, seed))], dtype=np.int64)


def _adopts(cohort: Cohort, count: int, days: int, rng: np.random.Generator) -> Floats:
    """Day from which the released model is used: by some cohorts the first, by a part of the others at some time."""
    eager, draw = rng.random(count) < cohort.eager, rng.random(count)
    first, later = rng.uniform(0.0, 1.0, count), rng.exponential(days * 0.15, count)
    out: Floats = np.where(eager | (draw < assumed.ADOPTS), days * RELEASED + np.where(eager, first, later), np.inf)
    return out


def _habits(cohort: Cohort, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """How accounts of one cohort differ: nobody is his cohort's average."""
    sure, some = (0.5, 0.85) if cohort.conversation else (0.0, 0.3)  # always and, up to here, at times in dialogue
    draw = rng.random(count)
    often = rng.random(count)
    return {
        "talks": np.where(draw < sure, 1.0, np.where(draw < some, often, 0.0)),
        "tempo": rng.lognormal(0.0, 0.75, count),
        "stamina": rng.lognormal(0.0, 0.6, count),
        "brevity": rng.lognormal(0.0, 0.45, count),
        "depth": rng.lognormal(0.0, 0.45, count),
        "pastes": 0.9 * rng.random(count) ** 1.7,
        "page": rng.lognormal(1.1, 1.0, count),
        "stock": np.minimum(cohort.stock * rng.gamma(1.2, 1.0 / 1.2, count), 0.6),
        "again": 0.3 * rng.random(count) ** 3,
        "plain": rng.random(count) < assumed.PLAIN,
    }


def _at_home(kinds: Ints) -> Flags:
    return np.asarray(kinds == list(NETWORKS).index("residential"), dtype=bool)


def _turns(cohort: Cohort, count: int, days: int, rng: np.random.Generator) -> dict[str, Any]:
    """What changes for some accounts while the world runs, and what comes by the clock."""
    when = rng.uniform(0.0, days, (2, count))
    return {
        "retreats": np.where(rng.random(count) < assumed.RETREATS, when[0], np.inf),
        "blanks": np.where(rng.random(count) < cohort.blank, when[1], np.inf),
        "every": np.full(count, cohort.every / 24.0),
        "rush": np.full(count, cohort.rush),
    }


def _settings(count: int, rng: np.random.Generator) -> dict[str, Any]:
    """What callers set as they like, whatever their cohort."""
    return {
        "temperature": TEMPERATURES[rng.integers(0, len(TEMPERATURES), count)],
        "limit": ANSWER_LIMITS[rng.integers(0, len(ANSWER_LIMITS), count)],
        "streams": rng.random(count) < assumed.STREAMS,
        "keys": 1 + rng.binomial(3, 0.15, count),
    }


def _outside_campaigns(count: int) -> dict[str, Any]:
    """What only campaigns set."""
    none, zero = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    return {
        "begin": none,
        "end": none,
        "duty": np.zeros(count),
        "ramp": np.ones(count),
        "synchrony": np.zeros(count),
        "strangers": zero + 1,
        "wording": zero,
        "paced": np.zeros(count, dtype=bool),
        "resident": zero,
        "pool": zero + 1,
        "duty_tools": zero,
        "campaign": zero - 1,
        "devotion": np.zeros(count),
        "guest": zero - 1,
        "guest_begin": none,
        "guest_end": none,
        "guest_share": np.zeros(count),
    }


def networks_of(weights: dict[str, float], holder: Ints, slot: int | Ints, seed: int) -> Ints:
    """Kind of network (position in NETWORKS) of a holder's first (slot 0) or further addresses."""
    known = np.array([list(NETWORKS).index(kind) for kind in weights])
    return np.asarray(known[choose(weights, keyed(holder, slot, 425, seed))], dtype=np.int64)


def _together(born: Floats, team: Ints, first: int, days: float, rng: np.random.Generator) -> Floats:
    """One day of birth for each team, and up to `days` after it."""
    return np.asarray(born[team - first] + rng.uniform(0.0, days, len(born)), dtype=np.float64)
