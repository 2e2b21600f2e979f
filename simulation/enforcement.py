"""What an investigator knows and does.

Labels that come late and never for all, reviews that find nothing, bans.
"""

from dataclasses import dataclass, fields

import numpy as np

from simulation.accounts import DrawnAccounts
from simulation.cohorts import Cohort
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints
from simulation.tactics import Tactics


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Arrays with one entry an account; days from the start of the world, inf for never."""

    labelled: Floats
    guilty: Flags
    banned: Floats
    throttled: Floats
    restored: Floats


def on_honest(cohort: Cohort, accounts: DrawnAccounts, days: int, rng: np.random.Generator) -> Verdicts:
    """Reviews of honest accounts (the busier the likelier), throttles, and rare bans that are taken back."""
    count = len(accounts)
    weight = np.clip(np.sqrt(accounts.rate / cohort.rate[0]), 0.5, 2.0)
    seen = rng.random(count) < np.minimum(cohort.reviewed * weight, 0.9)
    when = np.maximum(accounts.created, 0.0) + rng.uniform(1.0, days, count)
    labelled = np.where(seen & (when < days - 0.05), when, np.inf)
    slowed = np.where(rng.random(count) < assumed.THROTTLED, rng.uniform(1.0, days, count), np.inf)
    wrong = (rng.random(count) < assumed.WRONGLY_BANNED) & (days > 4)
    banned = np.where(wrong, rng.uniform(1.0, max(1.0, days - 2.0), count), np.inf)
    return Verdicts(labelled, np.zeros(count, dtype=bool), banned, slowed, banned + rng.uniform(0.5, 1.9, count))


def on_campaign(
    tactics: Tactics,
    accounts: DrawnAccounts,
    days: int,
    rng: np.random.Generator,
    purged: float = np.inf,
    pace: float = 1.0,
) -> Verdicts:
    """Labels from `found_after` days into the campaign on, over the days after it.

    Some of the labelled are banned; on the day `purged`, within hours, all of the pool but a few. `pace`: length of
    the world as a share of the scenario's; an investigation of a shorter campaign is as much quicker.
    """
    count = len(accounts)
    found = tactics.days[0] * days + tactics.found_after * pace
    # the investigation takes its time, but ends before the world does
    longer = min(2.5, max(0.2, (days - found) / 4.0))
    # nobody is known for what he has not done yet: half a day of service at least
    when = np.maximum(found, accounts.begin + 0.5) + rng.exponential(longer, count)
    known = (rng.random(count) < tactics.labelled) & (when < days - 0.1)
    labelled = np.where(known, when, np.inf)
    banned = np.where(known & (rng.random(count) < tactics.banned), when + rng.uniform(0.02, 1.5, count), np.inf)
    never = np.full(count, np.inf)
    if np.isfinite(purged):
        caught = rng.random(count) < assumed.CAUGHT
        act = purged + rng.uniform(0.0, 0.25, count)
        banned = np.where(caught, np.minimum(banned, act), banned)
        labelled = np.where(caught & known, np.minimum(labelled, act - 0.01), labelled)
    return Verdicts(labelled, np.ones(count, dtype=bool), banned, never, never)


def rows_of(verdicts: Verdicts, rows: slice) -> Verdicts:
    """The verdicts in the rows."""
    return Verdicts(*(getattr(verdicts, f.name)[rows] for f in fields(Verdicts)))


def overwritten(verdicts: Verdicts, rows: Ints, others: Verdicts) -> Verdicts:
    """The verdicts with others in the rows."""
    changed = [getattr(verdicts, f.name).copy() for f in fields(Verdicts)]
    for column, field in zip(changed, fields(Verdicts), strict=True):
        column[rows] = getattr(others, field.name)
    return Verdicts(*changed)


def all_verdicts(parts: list[Verdicts]) -> Verdicts:
    """The verdicts of several parts, in order."""
    return Verdicts(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Verdicts)))
