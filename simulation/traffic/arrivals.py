"""Draw when accounts send on one day, all accounts at once."""

from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np

from simulation.campaign_accounts import LEAST_ACTIVE, daily_rate, is_in_service, mood_factor
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints, keyed, unit
from simulation.traffic.infrastructure import COUNTRIES
from simulation.traffic.rhythm import ANCHORS, DAY, RHYTHMS, SESSIONS, draw_gaps, seconds_into_session, split_sessions
from simulation.world import World

_HOURS = np.array([hours for _, hours in COUNTRIES.values()])
_PACED = list(RHYTHMS).index("paced")
_CLASSES = np.array(["assignment" in cohort.common for cohort in COHORTS.values()])
_FIVE_MINUTES = 300.0


@dataclass(frozen=True, slots=True)
class Moments:
    """The requests of a day in account order; sessions may run on into the next day."""

    account: Ints  # row of the account
    when: Floats  # days from the start of the world
    session: Ints  # number of the session on this day
    position: Ints  # in the session, from 0
    campaign: Ints  # number of the campaign whose own request it is, -1 for an ordinary past or cover
    probe: Flags  # comes by the clock

    @property
    def serving(self) -> Flags:
        """Whether each request is a campaign's own."""
        return np.asarray(self.campaign >= 0, dtype=bool)

    def select(self, rows: Ints | Flags) -> "Moments":
        """Select rows."""
        return Moments(*(getattr(self, f.name)[rows] for f in fields(Moments)))


def draw_arrivals(world: World, day: int, rng: np.random.Generator) -> Moments:
    """Draw the requests of sessions that begin on the day, in account order, without those that could not be sent."""
    accounts = world.accounts
    weekday = (world.start + timedelta(days=day)).weekday()
    factor = world.clockwork.day_factor(accounts.profile, weekday)
    busy = is_in_service(accounts, day)
    served = daily_rate(accounts, day) * _draw_mood(world, day, np.where(accounts.is_paced, 1.0, factor), rng)
    counts = rng.poisson(np.where(busy, served, _draw_ordinary_rate(world, day, factor, rng)))
    paced = accounts.is_paced & busy
    rhythm = np.where(paced, _PACED, accounts.rhythm)
    profile = np.where(paced, world.clockwork.names.index("flat"), accounts.profile)
    account, session, position = split_sessions(counts, np.maximum(SESSIONS[rhythm] * accounts.stamina, 1.0), rng)
    owner = account[np.flatnonzero(position == 0)]
    begin = _draw_begins(world, day, owner, (rhythm[owner], profile[owner]), rng)
    begin = _synchronise(world, day, owner, begin, busy, rng)
    offsets = np.minimum(
        seconds_into_session(position, draw_gaps(rhythm[account], world.clockwork, rng) * accounts.tempo[account]), DAY
    )
    when = day + (begin[session] + offsets) / DAY
    campaign = _draw_campaign(world, account, when, busy, rng)
    moments = Moments(
        account=account,
        when=when,
        session=session,
        position=position,
        campaign=campaign,
        probe=np.zeros(len(account), dtype=bool),
    )
    moments = _add_probes(world, day, moments, busy, rng)
    return moments.select(_can_send(world, moments, busy))


def _draw_begins(world: World, day: int, owner: Ints, habits: tuple[Ints, Ints], rng: np.random.Generator) -> Floats:
    """Draw the second of the day at which each session begins: by the owner's profile, or near an hour of its own."""
    accounts, (rhythm, profile) = world.accounts, habits
    weekday = (world.start + timedelta(days=day)).weekday()
    zone = _HOURS[accounts.country[owner]]
    hours = world.clockwork.hours(profile, weekday, rng.random(len(owner))) - zone
    jitter = ANCHORS[rhythm]
    in_lesson = in_class(world, day)[owner]
    # classes are held between eight and three, local time
    anchor = np.where(in_lesson, 8.0 + accounts.anchor[owner] * 7.0 / 24.0 - zone, accounts.anchor[owner])
    spread = np.where(in_lesson, assumed.CLASS_SPREAD, np.nan_to_num(jitter))
    own = anchor + rng.normal(0.0, 1.0, len(owner)) * spread
    out: Floats = np.where(np.isnan(jitter) & ~in_lesson, hours, own) * 3600.0 % DAY
    return out


def _synchronise(world: World, day: int, owner: Ints, begin: Floats, busy: Flags, rng: np.random.Generator) -> Floats:
    """Move some sessions to the few moments at which all accounts of the campaign send."""
    accounts = world.accounts
    moved = busy[owner] & (rng.random(len(owner)) < accounts.synchrony[owner])
    burst = rng.integers(0, assumed.BURSTS, len(owner))
    moment = unit(keyed(accounts.campaign[owner], day, burst, 442, world.seed)) * DAY
    window = moment - moment % _FIVE_MINUTES
    return np.asarray(np.where(moved, window + rng.uniform(0.0, _FIVE_MINUTES / 2.0, len(owner)), begin))


def in_class(world: World, day: int) -> Flags:
    """Whether the account's class has its day: one weekday in each term, once the class has signed up."""
    accounts = world.accounts
    has_class = np.zeros(world.size, dtype=bool)
    term = day - day % assumed.TERM
    days = range(term, min(term + assumed.TERM, world.days))
    weekdays = [d for d in days if (world.start + timedelta(days=d)).weekday() < 5]
    members = np.flatnonzero(_CLASSES[accounts.cohort] & (accounts.created < day + 0.5))
    if day in weekdays and len(members):
        born, team = accounts.created[members], accounts.team[members]
        draws = [np.where(born < d + 0.5, unit(keyed(team, d, 441, world.seed)), -1.0) for d in weekdays]
        has_class[members] = np.argmax(draws, axis=0) == weekdays.index(day)
    return has_class


def _draw_mood(world: World, day: int, factor: Floats, rng: np.random.Generator) -> Floats:
    """Draw a factor of mean 1 on the day's requests of accounts in service: idle days and whims, as in the disguise.

    No account is idle on its first whole day.
    """
    first = np.ceil(np.nan_to_num(world.accounts.begin, nan=-1.0)) == day
    active = np.where(first, 1.0, np.maximum(world.accounts.active, LEAST_ACTIVE))
    awake = rng.random(world.size) < active
    return np.asarray(awake / active * mood_factor(factor) * rng.gamma(4.0, 0.25, world.size), dtype=np.float64)


def _draw_campaign(world: World, account: Ints, when: Floats, busy: Flags, rng: np.random.Generator) -> Ints:
    """Draw whose request each is: the campaign's, its guest's on the same account, or (-1) an ordinary one."""
    accounts = world.accounts
    own = busy[account] & (rng.random(len(account)) < accounts.devotion[account])
    campaign = np.where(own, accounts.campaign[account], -1)
    if (accounts.guest < 0).all():
        return campaign
    there = (when >= accounts.guest_begin[account]) & (when <= accounts.guest_end[account])
    lent = own & there & (rng.random(len(account)) < accounts.guest_share[account])
    return np.where(lent, accounts.guest[account], campaign)


def _draw_ordinary_rate(world: World, day: int, factor: Floats, rng: np.random.Generator) -> Floats:
    """Draw the mean requests of each account on the day, as its cohort sends them; 0 on idle days."""
    accounts = world.accounts
    release = world.days * assumed.RELEASED
    rush = np.where((day + 1 > release) & (day < release + assumed.RUSH_DAYS), accounts.rush, 1.0)
    in_lesson = in_class(world, day)
    chance = accounts.active * np.clip(factor, 0.1, 1.15) * rush
    chance = np.where(
        _CLASSES[accounts.cohort], np.where(in_lesson, assumed.IN_CLASS, chance * assumed.OFF_CLASS), chance
    )
    rate = accounts.rate * rush * np.where(in_lesson, assumed.CLASS_FACTOR, 1.0)
    return np.asarray(np.where(rng.random(world.size) < chance, rate * rng.gamma(3.0, 1.0 / 3.0, world.size), 0.0))


def _add_probes(world: World, day: int, moments: Moments, busy: Flags, rng: np.random.Generator) -> Moments:
    """Add the requests that come by the clock: at multiples of the account's interval, give or take seconds."""
    accounts = world.accounts
    rows = np.flatnonzero((accounts.clock_interval > 0.0) & (busy | (accounts.campaign < 0)))
    if not len(rows):
        return moments
    interval = accounts.clock_interval[rows]
    phase = unit(keyed(accounts.number[rows], 416, world.seed)) * interval
    first = np.ceil((day - phase) / interval)
    counts = np.maximum(np.ceil((day + 1 - phase) / interval) - first, 0).astype(np.int64)
    source = np.repeat(np.arange(len(rows)), counts)
    rank = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    when = phase[source] + (first[source] + rank) * interval[source] + np.abs(rng.normal(0.0, 4.0, len(source))) / DAY
    account = rows[source]
    after = int(moments.session.max(initial=-1)) + 1
    probes = Moments(
        account=account,
        when=when,
        session=after + np.arange(len(account)),
        position=np.zeros(len(account), dtype=np.int64),
        campaign=np.where(busy[account], accounts.campaign[account], -1),
        probe=np.ones(len(account), dtype=bool),
    )
    both = Moments(*(np.concatenate([getattr(m, f.name) for m in (moments, probes)]) for f in fields(Moments)))
    return both.select(np.argsort(both.account, kind="stable"))


def _can_send(world: World, moments: Moments, busy: Flags) -> Flags:
    """Whether each account can send its request: it exists, has not left, is not banned, and is in service if serving.

    A banned account goes on asking for some hours and gets 403.
    """
    account, when, accounts = moments.account, moments.when, world.accounts
    banned, restored = world.enforcement.banned[account], world.enforcement.restored[account]
    gone = (when > banned + assumed.GRACE) & ~(when > restored)
    here = (when >= accounts.created[account]) & (when <= accounts.left[account])
    inside = (when >= accounts.begin[account]) & (when <= accounts.end[account])
    return np.asarray(here & ~gone & (inside | ~busy[account]), dtype=bool)
