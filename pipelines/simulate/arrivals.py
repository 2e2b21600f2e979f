"""When accounts send on one day: all accounts at once."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from pipelines.simulate.campaigns import daily_rate
from pipelines.simulate.codes import Floats, Ints
from pipelines.simulate.infrastructure import COUNTRIES
from pipelines.simulate.people import Flags
from pipelines.simulate.rhythm import ANCHORS, DAY, RHYTHMS, SESSIONS, draw_gaps, sessions, within
from pipelines.simulate.world import World

GRACE = 0.1  # days for which a banned account goes on asking and gets 403
_HOURS = np.array([hours for _, hours in COUNTRIES.values()])
_PACED = list(RHYTHMS).index("paced")


@dataclass(frozen=True, slots=True)
class Moments:
    """Requests of a day in account order.

    Account, when (days from the start of the world), session, place in it.
    """

    account: Ints
    when: Floats
    session: Ints
    place: Ints
    serving: Flags  # the campaign's own requests, as against an ordinary past or cover

    def where(self, keep: Flags) -> "Moments":
        """The requests that are kept."""
        return Moments(self.account[keep], self.when[keep], self.session[keep], self.place[keep], self.serving[keep])


def arrivals(world: World, day: int, rng: np.random.Generator) -> Moments:
    """The day's requests in account order, without those that an account could not send."""
    accounts = world.accounts
    weekday = (world.start + timedelta(days=day)).weekday()
    factor = world.clockwork.day_factor(accounts.profile, weekday)
    served = _served(world, day, factor, rng)
    busy = served > 0
    counts = rng.poisson(np.where(busy, served, _ordinary(world, factor, rng)))
    paced = accounts.paced & busy
    rhythm = np.where(paced, _PACED, accounts.rhythm)
    profile = np.where(paced, world.clockwork.names.index("flat"), accounts.profile)
    account, session, place = sessions(counts, SESSIONS[rhythm], rng)
    owner = account[np.flatnonzero(place == 0)]
    hours = world.clockwork.hours(profile[owner], weekday, rng.random(len(owner))) - _HOURS[accounts.country[owner]]
    jitter = ANCHORS[rhythm[owner]]
    own = accounts.anchor[owner] + rng.normal(0.0, 1.0, len(owner)) * np.nan_to_num(jitter)
    begin = np.where(np.isnan(jitter), hours, own) * 3600.0
    offsets = within(place, draw_gaps(rhythm[account], world.clockwork, rng))
    when = day + ((begin[session] + offsets) % DAY) / DAY
    inside = (when >= accounts.begin[account]) & (when <= accounts.end[account])
    serving = inside & (rng.random(len(account)) < accounts.devotion[account])
    moments = Moments(account, when, session, place, serving)
    return moments.where(_allowed(world, moments))


def _served(world: World, day: int, factor: Floats, rng: np.random.Generator) -> Floats:
    """Mean requests of each campaign account in service on the day.

    Those in disguise follow its week and its whims.
    """
    served = np.zeros(world.size)
    for segment in world.segments:
        if segment.operation is not None:
            tactics = segment.operation.campaign.tactics
            served[segment.first : segment.first + len(segment.accounts)] = daily_rate(
                tactics, segment.accounts, day, world.seed
            )
    moods = np.clip(factor, 0.3, 1.3) * rng.gamma(4.0, 0.25, world.size)
    return np.where(world.accounts.paced, served, served * moods)


def _ordinary(world: World, factor: Floats, rng: np.random.Generator) -> Floats:
    """Mean requests of each account on the day as its cohort would send them: 0 on idle days."""
    accounts = world.accounts
    awake = rng.random(world.size) < accounts.active * np.clip(factor, 0.1, 1.15)
    out: Floats = np.where(awake, accounts.rate * rng.gamma(3.0, 1.0 / 3.0, world.size), 0.0)
    return out


def _allowed(world: World, moments: Moments) -> Flags:
    """Requests of accounts that exist, have not left and are not banned.

    A banned account goes on asking for some hours and gets 403.
    """
    account, when = moments.account, moments.when
    banned, restored = world.verdicts.banned[account], world.verdicts.restored[account]
    gone = (when > banned + GRACE) & ~(when > restored)
    here = (when >= world.accounts.created[account]) & (when <= world.accounts.left[account])
    return np.asarray(here & ~gone, dtype=bool)
