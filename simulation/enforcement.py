"""What an investigator finds out and does: labels (late, and never for all), reviews that find nothing, bans."""

from dataclasses import dataclass, fields

import numpy as np

from simulation.accounts import DrawnAccounts
from simulation.cohorts import Cohort
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints
from simulation.tactics import Tactics


@dataclass(frozen=True, slots=True)
class DrawnEnforcement:
    """Labels and acts as arrays with one entry per account; days from the start of the world, inf for never."""

    labelled: Floats  # day on which the label becomes known
    guilty: Flags  # what the label says
    banned: Floats
    throttled: Floats
    restored: Floats


def enforce_on_honest(cohort: Cohort, accounts: DrawnAccounts, days: int, rng: np.random.Generator) -> DrawnEnforcement:
    """Draw reviews of honest accounts (likelier for busy ones), throttles, and rare bans that are taken back."""
    count = len(accounts)
    weight = np.clip(np.sqrt(accounts.rate / cohort.rate[0]), 0.5, 2.0)
    reviewed = rng.random(count) < np.minimum(cohort.reviewed * weight, 0.9)
    when = np.maximum(accounts.created, 0.0) + rng.uniform(1.0, days, count)
    labelled = np.where(reviewed & (when < days - 0.05), when, np.inf)
    slowed = np.where(rng.random(count) < assumed.THROTTLED, rng.uniform(1.0, days, count), np.inf)
    wrong = (rng.random(count) < assumed.WRONGLY_BANNED) & (days > 4)
    banned = np.where(wrong, rng.uniform(1.0, max(1.0, days - 2.0), count), np.inf)
    return DrawnEnforcement(
        labelled=labelled,
        guilty=np.zeros(count, dtype=bool),
        banned=banned,
        throttled=slowed,
        restored=banned + rng.uniform(0.5, 1.9, count),
    )


def enforce_on_campaign(
    tactics: Tactics,
    accounts: DrawnAccounts,
    days: int,
    rng: np.random.Generator,
    purged: float = np.inf,
    pace: float = 1.0,
) -> DrawnEnforcement:
    """Draw labels and bans of a campaign's accounts; the first labels come `found_after` days after its begin.

    Args:
        tactics: the campaign's.
        accounts: the campaign's accounts.
        days: length of the world.
        rng: source of the draws.
        purged: day on which nearly the whole pool is banned, within hours.
        pace: length of the world as a share of the scenario's; a shorter campaign is found as much sooner.
    """
    count = len(accounts)
    discovery = tactics.days[0] * days + tactics.found_after * pace
    # the investigation takes its time, but ends before the world does
    mean_delay = min(2.5, max(0.2, (days - discovery) / 4.0))
    # an account is labelled after half a day of service at the earliest: before it has done nothing
    when = np.maximum(discovery, accounts.begin + 0.5) + rng.exponential(mean_delay, count)
    is_labelled = (rng.random(count) < tactics.labelled) & (when < days - 0.1)
    labelled = np.where(is_labelled, when, np.inf)
    banned = np.where(is_labelled & (rng.random(count) < tactics.banned), when + rng.uniform(0.02, 1.5, count), np.inf)
    never = np.full(count, np.inf)
    if np.isfinite(purged):
        caught = rng.random(count) < assumed.CAUGHT
        act = purged + rng.uniform(0.0, 0.25, count)
        banned = np.where(caught, np.minimum(banned, act), banned)
        labelled = np.where(caught & is_labelled, np.minimum(labelled, act - 0.01), labelled)
    return DrawnEnforcement(
        labelled=labelled, guilty=np.ones(count, dtype=bool), banned=banned, throttled=never, restored=never
    )


def enforcement_rows(enforcement: DrawnEnforcement, rows: slice) -> DrawnEnforcement:
    """Select rows."""
    return DrawnEnforcement(*(getattr(enforcement, f.name)[rows] for f in fields(DrawnEnforcement)))


def overwrite_rows(enforcement: DrawnEnforcement, rows: Ints, others: DrawnEnforcement) -> DrawnEnforcement:
    """Replace the rows by those of another."""
    changed = [getattr(enforcement, f.name).copy() for f in fields(DrawnEnforcement)]
    for column, field in zip(changed, fields(DrawnEnforcement), strict=True):
        column[rows] = getattr(others, field.name)
    return DrawnEnforcement(*changed)


def concatenate_enforcement(parts: list[DrawnEnforcement]) -> DrawnEnforcement:
    """Join several into one, in order."""
    return DrawnEnforcement(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(DrawnEnforcement)))
