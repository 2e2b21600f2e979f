"""When accounts send on one day: all accounts at once."""

from dataclasses import dataclass, fields
from datetime import timedelta

import numpy as np

from simulation.campaign_accounts import LEAST_ACTIVE, daily_rate, in_service, mood_factor
from simulation.cohorts import COHORTS
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints, keyed, unit
from simulation.traffic.infrastructure import COUNTRIES
from simulation.traffic.rhythm import ANCHORS, DAY, RHYTHMS, SESSIONS, draw_gaps, sessions, within
from simulation.world import World

_HOURS = np.array([hours for _, hours in COUNTRIES.values()])
_PACED = list(RHYTHMS).index("paced")
_CLASSES = np.array(["assignment" in cohort.common for cohort in COHORTS.values()])
_FIVE_MINUTES = 300.0


@dataclass(frozen=True, slots=True)
class Moments:
    """Requests of a day in account order; sessions may run on into the next day.

    Account, when (days from the start of the world), session, place in it.
    """

    account: Ints
    when: Floats
    session: Ints
    place: Ints
    campaign: Ints  # number of the campaign whose own request it is, -1 for an ordinary past or cover
    probe: Flags  # comes by the clock

    @property
    def serving(self) -> Flags:
        """The campaigns' own requests."""
        return np.asarray(self.campaign >= 0, dtype=bool)

    def at(self, rows: Ints | Flags) -> "Moments":
        """The requests of the rows."""
        return Moments(*(getattr(self, f.name)[rows] for f in fields(Moments)))


def arrivals(world: World, day: int, rng: np.random.Generator) -> Moments:
    """The requests of sessions that begin on the day, in account order, less those that an account could not send."""
    accounts = world.accounts
    weekday = (world.start + timedelta(days=day)).weekday()
    factor = world.clockwork.day_factor(accounts.profile, weekday)
    busy = in_service(accounts, day)
    served = daily_rate(accounts, day) * _mood(world, day, np.where(accounts.paced, 1.0, factor), rng)
    counts = rng.poisson(np.where(busy, served, _ordinary(world, day, factor, rng)))
    paced = accounts.paced & busy
    rhythm = np.where(paced, _PACED, accounts.rhythm)
    profile = np.where(paced, world.clockwork.names.index("flat"), accounts.profile)
    account, session, place = sessions(counts, np.maximum(SESSIONS[rhythm] * accounts.stamina, 1.0), rng)
    owner = account[np.flatnonzero(place == 0)]
    begin = _begins(world, day, owner, (rhythm[owner], profile[owner]), rng)
    begin = _together(world, day, owner, begin, busy, rng)
    offsets = np.minimum(within(place, draw_gaps(rhythm[account], world.clockwork, rng) * accounts.tempo[account]), DAY)
    when = day + (begin[session] + offsets) / DAY
    campaign = _campaign(world, account, when, busy, rng)
    moments = Moments(account, when, session, place, campaign, np.zeros(len(account), dtype=bool))
    moments = _with_probes(world, day, moments, busy, rng)
    return moments.at(_allowed(world, moments, busy))


def _begins(world: World, day: int, owner: Ints, habits: tuple[Ints, Ints], rng: np.random.Generator) -> Floats:
    """Second of the day at which each session begins: in the hours of its profile, or near an hour of its owner's."""
    accounts, (rhythm, profile) = world.accounts, habits
    weekday = (world.start + timedelta(days=day)).weekday()
    zone = _HOURS[accounts.country[owner]]
    hours = world.clockwork.hours(profile, weekday, rng.random(len(owner))) - zone
    jitter = ANCHORS[rhythm]
    lesson = in_class(world, day)[owner]
    # classes are held between eight and three, local time
    anchor = np.where(lesson, 8.0 + accounts.anchor[owner] * 7.0 / 24.0 - zone, accounts.anchor[owner])
    spread = np.where(lesson, assumed.CLASS_SPREAD, np.nan_to_num(jitter))
    own = anchor + rng.normal(0.0, 1.0, len(owner)) * spread
    out: Floats = np.where(np.isnan(jitter) & ~lesson, hours, own) * 3600.0 % DAY
    return out


def _together(world: World, day: int, owner: Ints, begin: Floats, busy: Flags, rng: np.random.Generator) -> Floats:
    """The begins of sessions, some moved to the few moments at which all accounts of the campaign send."""
    accounts = world.accounts
    moved = busy[owner] & (rng.random(len(owner)) < accounts.synchrony[owner])
    burst = rng.integers(0, assumed.BURSTS, len(owner))
    moment = unit(keyed(accounts.campaign[owner], day, burst, 442, world.seed)) * DAY
    window = moment - moment % _FIVE_MINUTES
    return np.asarray(np.where(moved, window + rng.uniform(0.0, _FIVE_MINUTES / 2.0, len(owner)), begin))


def in_class(world: World, day: int) -> Flags:
    """Accounts whose class has its day: one weekday in each term, once they have signed up."""
    accounts = world.accounts
    found = np.zeros(world.size, dtype=bool)
    term = day - day % assumed.TERM
    days = range(term, min(term + assumed.TERM, world.days))
    weekdays = [d for d in days if (world.start + timedelta(days=d)).weekday() < 5]
    members = np.flatnonzero(_CLASSES[accounts.cohort] & (accounts.created < day + 0.5))
    if day in weekdays and len(members):
        born, team = accounts.created[members], accounts.team[members]
        draws = [np.where(born < d + 0.5, unit(keyed(team, d, 441, world.seed)), -1.0) for d in weekdays]
        found[members] = np.argmax(draws, axis=0) == weekdays.index(day)
    return found


def _mood(world: World, day: int, factor: Floats, rng: np.random.Generator) -> Floats:
    """Factor on the day's requests of accounts in service: idle days and whims as its cohort has them, mean 1.

    Nobody idles on his first whole day.
    """
    first = np.ceil(np.nan_to_num(world.accounts.begin, nan=-1.0)) == day
    active = np.where(first, 1.0, np.maximum(world.accounts.active, LEAST_ACTIVE))
    awake = rng.random(world.size) < active
    return np.asarray(awake / active * mood_factor(factor) * rng.gamma(4.0, 0.25, world.size), dtype=np.float64)


def _campaign(world: World, account: Ints, when: Floats, busy: Flags, rng: np.random.Generator) -> Ints:
    """Whose request each is: the campaign's, its guest's on the same account, or (-1) an ordinary one."""
    accounts = world.accounts
    own = busy[account] & (rng.random(len(account)) < accounts.devotion[account])
    campaign = np.where(own, accounts.campaign[account], -1)
    if (accounts.guest < 0).all():
        return campaign
    there = (when >= accounts.guest_begin[account]) & (when <= accounts.guest_end[account])
    lent = own & there & (rng.random(len(account)) < accounts.guest_share[account])
    return np.where(lent, accounts.guest[account], campaign)


def _ordinary(world: World, day: int, factor: Floats, rng: np.random.Generator) -> Floats:
    """Mean requests of each account on the day as its cohort would send them: 0 on idle days."""
    accounts = world.accounts
    release = world.days * assumed.RELEASED
    rush = np.where((day + 1 > release) & (day < release + assumed.RUSH_DAYS), accounts.rush, 1.0)
    lesson = in_class(world, day)
    chance = accounts.active * np.clip(factor, 0.1, 1.15) * rush
    chance = np.where(_CLASSES[accounts.cohort], np.where(lesson, assumed.IN_CLASS, chance * assumed.OFF_CLASS), chance)
    rate = accounts.rate * rush * np.where(lesson, assumed.CLASS_FACTOR, 1.0)
    return np.asarray(np.where(rng.random(world.size) < chance, rate * rng.gamma(3.0, 1.0 / 3.0, world.size), 0.0))


def _with_probes(world: World, day: int, moments: Moments, busy: Flags, rng: np.random.Generator) -> Moments:
    """The requests that come by the clock added: at multiples of the account's interval, seconds apart."""
    accounts = world.accounts
    rows = np.flatnonzero((accounts.every > 0.0) & (busy | (accounts.campaign < 0)))
    if not len(rows):
        return moments
    every = accounts.every[rows]
    phase = unit(keyed(accounts.no[rows], 416, world.seed)) * every
    first = np.ceil((day - phase) / every)
    counts = np.maximum(np.ceil((day + 1 - phase) / every) - first, 0).astype(np.int64)
    which = np.repeat(np.arange(len(rows)), counts)
    rank = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    when = phase[which] + (first[which] + rank) * every[which] + np.abs(rng.normal(0.0, 4.0, len(which))) / DAY
    account = rows[which]
    after = int(moments.session.max(initial=-1)) + 1
    probes = Moments(
        account,
        when,
        after + np.arange(len(account)),
        np.zeros(len(account), dtype=np.int64),
        np.where(busy[account], accounts.campaign[account], -1),
        np.ones(len(account), dtype=bool),
    )
    both = Moments(*(np.concatenate([getattr(m, f.name) for m in (moments, probes)]) for f in fields(Moments)))
    return both.at(np.argsort(both.account, kind="stable"))


def _allowed(world: World, moments: Moments, busy: Flags) -> Flags:
    """Requests of accounts that exist, have not left and are not banned; of those in service, within it.

    A banned account goes on asking for some hours and gets 403.
    """
    account, when, accounts = moments.account, moments.when, world.accounts
    banned, restored = world.verdicts.banned[account], world.verdicts.restored[account]
    gone = (when > banned + assumed.GRACE) & ~(when > restored)
    here = (when >= accounts.created[account]) & (when <= accounts.left[account])
    inside = (when >= accounts.begin[account]) & (when <= accounts.end[account])
    return np.asarray(here & ~gone & (inside | ~busy[account]), dtype=bool)
