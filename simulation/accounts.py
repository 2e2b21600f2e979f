"""Draw the accounts of a cohort: everything about them that stays the same while the world runs, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from simulation.cohorts import COHORTS, Cohort
from simulation.cohorts.base import PLANS
from simulation.constants import assumed
from simulation.constants.assumed import MODEL_NAMES, RELEASED
from simulation.draws import Flags, Floats, Ints, below, choose, keyed, unit
from simulation.traffic.infrastructure import NETWORKS, client_table, draw_countries
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS, Clockwork

CHANNELS = tuple(sorted({way.split()[0] for cohort in COHORTS.values() for way in cohort.access}))
TEMPERATURES = np.array([np.nan, np.nan, np.nan, 1.0, 0.7, 0.2, 0.0, 0.5, 0.8])
ANSWER_LIMITS = np.array([0, 0, 0, 1024, 2048, 4096, 8192], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class DrawnAccounts:
    """Accounts as arrays with one entry per account.

    Days are floats, counted from the start of the world; they may be negative.
    """

    number: Ints  # in the world, from 0
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
    address_holder: Ints  # who the addresses belong to: an account or team number
    payer: Ints  # who pays
    author: Ints  # who the texts belong to
    model: Ints
    adopts: Floats  # day from which the released model is used, inf for never
    retreats: Floats  # day from which the weakest model is used, inf for never
    blanks: Floats  # day from which metadata is missing, inf for never
    clock_interval: Floats  # days between requests that come on the minute, 0 for none
    rush: Floats  # factor on the rate in the three days after the release
    temperature: Floats
    answer_limit: Ints  # max_tokens, 0 for none
    is_streaming: Flags
    api_keys: Ints
    tools: Ints
    conversation_share: Floats  # share of the sessions that carry a conversation id
    tempo: Floats  # factor on the gaps inside sessions
    stamina: Floats  # factor on the requests of a session
    brevity: Floats  # factors on the tokens of answers and of context besides the text
    depth: Floats
    paste_share: Floats  # share of requests below which something is pasted
    paste_sentences: Floats  # sentences of that, median
    stock_share: Floats  # share of ordinary requests that are stock phrases
    repeat_share: Floats  # share of requests that repeat the one before
    is_dealt: Flags  # in a campaign: what it sends for it does not show its habits
    keeps_disguise: Flags  # in a campaign: keeps the disguise's system prompt, tools and context
    throttled: Floats  # share of requests answered with 429
    begin: Floats  # first and last day in the campaign, nan outside campaigns
    end: Floats
    service_rate: Floats  # requests a day while it serves
    ramp: Floats  # days from first request to full rate
    synchrony: Floats  # share of sittings that begin when those of the campaign's other accounts do
    strangers: Ints  # how many people's texts its ordinary requests are while it serves
    wording: Ints  # wording of the campaign's template
    is_paced: Flags  # machine-paced in the campaign, not in the disguise's rhythm
    pool_owner: Ints  # > 0: uses the campaign's own addresses
    pool_addresses: Ints  # how many of those there are
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
        return len(self.number)

    def with_arrays(self, **changes: Any) -> "DrawnAccounts":
        """The same accounts with other values in the named arrays."""
        return replace(self, **changes)

    def select(self, rows: slice | Ints) -> "DrawnAccounts":
        """The accounts of the rows."""
        return DrawnAccounts(**{f.name: getattr(self, f.name)[rows] for f in fields(DrawnAccounts)})


def concatenate_accounts(parts: list[DrawnAccounts]) -> DrawnAccounts:
    """Join accounts into one, in order."""
    columns = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(DrawnAccounts)}
    return DrawnAccounts(**columns)


def _draw_teams(cohort: Cohort, count: int, first: int, rng: np.random.Generator) -> Ints:
    sizes = rng.integers(cohort.team[0], cohort.team[1] + 1, count)
    ends = np.cumsum(sizes)
    starts = np.concatenate([[0], ends[:-1]])
    return np.asarray(first + starts[np.searchsorted(ends, np.arange(count), side="right")], dtype=np.int64)


def _draw_profiles(cohort: Cohort, own: Ints, clockwork: Clockwork) -> Ints:
    rhythm = RHYTHMS[cohort.rhythm]
    measured = [i for i, name in enumerate(clockwork.names) if name.startswith(rhythm.measured or "-")]
    if measured:
        return np.asarray(measured)[below(keyed(own, 401), len(measured))]
    profiles = np.array([clockwork.names.index(name) for name in rhythm.profiles])
    return np.asarray(profiles[choose(dict(rhythm.profiles), keyed(own, 402))])


def draw_access(access: Mapping[str, float], number: Ints, seed: int) -> dict[str, Any]:
    """Draw the channel and the client of each account from shares of "channel client"."""
    chosen = choose(dict(access), keyed(number, 405, seed))
    spans = client_table()[2]
    ranges = np.array([spans.get(way.split()[1], (-1, 1)) for way in access])[chosen]
    client = np.where(ranges[:, 0] < 0, -1, ranges[:, 0] + below(keyed(number, 403), ranges[:, 1]))
    return {"channel": np.array([CHANNELS.index(way.split()[0]) for way in access])[chosen], "client": client}


def draw_plans(shares: Mapping[str, float], customer: Ints, seed: int) -> Ints:
    """Draw the plan of each customer (position in PLANS)."""
    return np.array([PLANS.index(name) for name in shares])[choose(dict(shares), keyed(customer, 404, seed))]


def make_accounts(cohort: Cohort, count: int, first: int, days: int, clockwork: Clockwork, seed: int) -> DrawnAccounts:
    """Draw `count` accounts of a cohort, numbered from `first`, for a world of `days` days.

    The same arguments give the same accounts.
    """
    rng = np.random.default_rng([seed, 1, first])
    number = np.arange(first, first + count, dtype=np.int64)
    team = _draw_teams(cohort, count, first, rng)

    def owner(aspect: str) -> Ints:
        return team if aspect in cohort.common else number

    young = rng.random(count) < cohort.young
    past = -rng.gamma(*assumed.AGE, count)
    born = np.where(young, rng.uniform(0.0, days * 0.85, count), past)
    # a class signs up within the hour, seats of a company within weeks
    if "assignment" in cohort.common:
        born = _sign_up_with_team(born, team, first, 0.04, rng)
    kinds = [draw_networks(dict(cohort.networks), owner("address"), slot, seed) for slot in (0, 1)]
    return DrawnAccounts(
        number=number,
        team=team,
        created=born,
        left=np.where(
            rng.random(count) < assumed.LEAVES,
            np.maximum(born, 0) + rng.uniform(2.0, max(days, 2.0), count),
            np.inf,
        ),
        rate=rng.lognormal(np.log(cohort.rate[0]), cohort.rate[1], count).clip(0.5, cohort.rate[0] * 8.0),
        active=rng.beta(8.0 * cohort.active + 0.3, 8.0 * (1.0 - cohort.active) + 0.3, count),
        country=draw_countries(keyed(owner("address"), 406, seed)),
        profile=_draw_profiles(cohort, owner("hours"), clockwork),
        anchor=unit(keyed(owner("assignment"), 407, seed)) * 24.0,
        plan=draw_plans(cohort.plans, owner("organization"), seed),
        **draw_access(cohort.access, number, seed),
        slots=rng.integers(cohort.addresses[0], cohort.addresses[1] + 1, count),
        address_holder=owner("address"),
        payer=owner("payment"),
        author=number,
        model=_draw_models(cohort, owner("system"), seed),
        adopts=_draw_adoption(cohort, count, days, rng),
        tools=np.maximum(rng.integers(cohort.tools[0], cohort.tools[1] + 1, count), 0),
        throttled=np.where(rng.random(count) < assumed.LIMITED, rng.beta(1.0, 1.0 / assumed.HURRIED - 1.0, count), 0.0),
        rotates=cohort.rotates | (_at_home(kinds[0]) & (rng.random(count) < assumed.MOVING)),
        networks=kinds[0],
        elsewhere=kinds[1],
        cohort=np.full(count, list(COHORTS).index(cohort.name)),
        rhythm=np.full(count, list(RHYTHMS).index(cohort.rhythm)),
        lengths=np.full(count, list(LENGTHS).index(cohort.lengths)),
        **_draw_settings(count, rng),
        **_draw_habits(cohort, count, rng),
        **_draw_turns(cohort, count, days, rng),
        **_outside_campaigns(count),
    )


def _draw_models(cohort: Cohort, owner: Ints, seed: int) -> Ints:
    offered = dict(cohort.models or assumed.MODELS)
    positions = np.array([MODEL_NAMES.index(name) for name in offered])
    return np.asarray(positions[choose(offered, keyed(owner, 408, seed))], dtype=np.int64)


def _draw_adoption(cohort: Cohort, count: int, days: int, rng: np.random.Generator) -> Floats:
    """Draw the day from which each account uses the released model: the first day, some later day, or never."""
    eager, draw = rng.random(count) < cohort.eager, rng.random(count)
    first, later = rng.uniform(0.0, 1.0, count), rng.exponential(days * 0.15, count)
    out: Floats = np.where(eager | (draw < assumed.ADOPTS), days * RELEASED + np.where(eager, first, later), np.inf)
    return out


def _draw_habits(cohort: Cohort, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Draw what differs between the accounts of a cohort, so that none is the cohort's average."""
    always, sometimes = (0.5, 0.85) if cohort.conversation else (0.0, 0.3)  # shares of accounts, cumulative
    draw = rng.random(count)
    often = rng.random(count)
    return {
        "conversation_share": np.where(draw < always, 1.0, np.where(draw < sometimes, often, 0.0)),
        "tempo": rng.lognormal(0.0, 0.75, count),
        "stamina": rng.lognormal(0.0, 0.6, count),
        "brevity": rng.lognormal(0.0, 0.45, count),
        "depth": rng.lognormal(0.0, 0.45, count),
        "paste_share": 0.9 * rng.random(count) ** 1.7,
        "paste_sentences": rng.lognormal(1.1, 1.0, count),
        "stock_share": np.minimum(cohort.stock * rng.gamma(1.2, 1.0 / 1.2, count), 0.6),
        "repeat_share": 0.3 * rng.random(count) ** 3,
        "keeps_disguise": rng.random(count) < assumed.PLAIN,
    }


def _at_home(kinds: Ints) -> Flags:
    return np.asarray(kinds == list(NETWORKS).index("residential"), dtype=bool)


def _draw_turns(cohort: Cohort, count: int, days: int, rng: np.random.Generator) -> dict[str, Any]:
    """Draw what changes for some accounts while the world runs, and what comes by the clock."""
    when = rng.uniform(0.0, days, (2, count))
    return {
        "retreats": np.where(rng.random(count) < assumed.RETREATS, when[0], np.inf),
        "blanks": np.where(rng.random(count) < cohort.blank, when[1], np.inf),
        "clock_interval": np.full(count, cohort.clock_hours / 24.0),
        "rush": np.full(count, cohort.rush),
    }


def _draw_settings(count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Draw what callers choose freely, whatever their cohort."""
    return {
        "temperature": TEMPERATURES[rng.integers(0, len(TEMPERATURES), count)],
        "answer_limit": ANSWER_LIMITS[rng.integers(0, len(ANSWER_LIMITS), count)],
        "is_streaming": rng.random(count) < assumed.STREAMS,
        "api_keys": 1 + rng.binomial(3, 0.15, count),
    }


def _outside_campaigns(count: int) -> dict[str, Any]:
    """The values outside campaigns of what only campaigns set."""
    none, zero = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    return {
        "begin": none,
        "end": none,
        "service_rate": np.zeros(count),
        "ramp": np.ones(count),
        "synchrony": np.zeros(count),
        "strangers": zero + 1,
        "wording": zero,
        "is_paced": np.zeros(count, dtype=bool),
        "pool_owner": zero,
        "pool_addresses": zero + 1,
        "is_dealt": np.zeros(count, dtype=bool),
        "duty_tools": zero,
        "campaign": zero - 1,
        "devotion": np.zeros(count),
        "guest": zero - 1,
        "guest_begin": none,
        "guest_end": none,
        "guest_share": np.zeros(count),
    }


def draw_networks(weights: dict[str, float], holder: Ints, slot: int | Ints, seed: int) -> Ints:
    """Draw the kind of network (position in NETWORKS) of a holder's first (slot 0) or further addresses."""
    positions = np.array([list(NETWORKS).index(kind) for kind in weights])
    return np.asarray(positions[choose(weights, keyed(holder, slot, 425, seed))], dtype=np.int64)


def _sign_up_with_team(born: Floats, team: Ints, first: int, days: float, rng: np.random.Generator) -> Floats:
    """Let each team sign up on the day of its first account, and up to `days` after it."""
    return np.asarray(born[team - first] + rng.uniform(0.0, days, len(born)), dtype=np.float64)
