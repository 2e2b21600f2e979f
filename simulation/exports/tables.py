"""The tables besides requests: accounts, labels, enforcement, releases and the truth."""

from datetime import timedelta

import numpy as np
import polars as pl

from simulation.campaign_accounts import OWNERS, Operation
from simulation.cohorts.base import PLANS
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints, below, choose, ids, keyed, names, take, unit
from simulation.traffic.columns import account_ids, kept
from simulation.traffic.infrastructure import COUNTRIES, MAIL, MAIL_SHARES, countries, origins, write_addresses
from simulation.world import Segment, World

_TIME = pl.Datetime("us", "UTC")


def _times(world: World, days: Floats) -> pl.Series:
    """Points in time of days from the start of the world; null where infinite or not a number."""
    known = np.isfinite(days)
    zero = int(world.start.timestamp() * 1e6)
    micros = zero + np.floor(np.where(known, days, 0.0) * 86_400e6).astype(np.int64)
    frame = pl.DataFrame({"t": micros, "known": known})
    return frame.select(pl.when("known").then(pl.col("t")).cast(_TIME)).to_series()


def accounts(world: World) -> pl.DataFrame:
    """The contract's table of accounts."""
    return pl.concat([_accounts(world, segment) for segment in world.segments]).sort("account_id")


def _accounts(world: World, segment: Segment) -> pl.DataFrame:
    these, cohort, seed = segment.accounts, segment.cohort, world.seed
    plans = np.array(PLANS)[these.plan]
    customers = ("organization" in cohort.common) | (plans == "team") | (plans == "enterprise")
    customer = these.team if "organization" in cohort.common else these.no
    pays = (plans != "free") | (these.purse >= OWNERS) | (unit(keyed(these.purse, 430, seed)) < assumed.PAYS_ON_FREE)
    home = origins(these.networks, these.country, keyed(these.place, 0, 0, 424, seed))
    # an instrument has one country, whoever pays with it: mostly that of the account or team that holds it
    holder = np.where(these.purse == these.no, these.country, countries(keyed(these.purse, 406, seed)))
    at_home = unit(keyed(these.purse, 431, seed)) < assumed.BILLED_AT_HOME
    billing = np.where(at_home, holder, below(keyed(these.purse, 432), len(COUNTRIES)))
    programme = choose(dict(cohort.programmes), keyed(customer, 433, seed))
    return pl.DataFrame(
        {
            "account_id": account_ids(these.no, seed),
            "created_at": _times(world, these.created),
            "plan": pl.Series(plans.tolist(), dtype=pl.String),
            "organization_id": kept(ids(keyed(customer, 434, seed), "org_"), customers),
            "programme": take(pl.Series([p or None for p in cohort.programmes], dtype=pl.String), programme),
            "email_domain": _mail(world, segment, customer, customers),
            "payment_fingerprint": kept(ids(keyed(these.purse, 435, seed), "pm_"), pays),
            "signup_address": kept(
                write_addresses(home.number, home.v6), unit(keyed(these.no, 436, seed)) < assumed.SIGNUP_KNOWN
            ),
            "billing_country": kept(take(pl.Series(list(COUNTRIES)), billing), pays),
        }
    )


def _mail(world: World, segment: Segment, customer: Ints, customers: Flags) -> pl.Series:
    """A domain of the customer's own, or one of the large providers'."""
    these = segment.accounts
    shared = "mail" in segment.cohort.common
    own = names(customer, np.zeros(len(customer)), world.seed).str.to_lowercase().str.replace(" ", "") + ".example"
    public = take(pl.Series(MAIL), choose(dict(zip(MAIL, MAIL_SHARES, strict=True)), keyed(these.no, 437, world.seed)))
    office = np.full(len(these), shared) | (customers & (unit(keyed(customer, 438, world.seed)) < assumed.OWN_DOMAIN))
    return pl.select(pl.when(pl.lit(pl.Series(office))).then(pl.lit(own)).otherwise(pl.lit(public))).to_series()


def labels(world: World) -> pl.DataFrame:
    """The contract's table of labels.

    What an investigator knew at the end, each with the time it became known.
    """
    parts = [
        pl.DataFrame(
            {
                "account_id": account_ids(s.accounts.no, world.seed),
                "label": s.verdicts.guilty,
                "labelled_at": _times(world, s.verdicts.labelled),
                "campaign": pl.Series(
                    [None if s.operation is None else s.operation.campaign.name] * len(s.accounts),
                    dtype=pl.String,
                ),
            }
        )
        for s in world.segments
    ]
    return pl.concat(parts).drop_nulls("labelled_at").sort("labelled_at", "account_id")


def enforcement(world: World) -> pl.DataFrame:
    """The contract's table of enforcement, up to the end of the world."""
    parts = [
        pl.DataFrame(
            {"account_id": account_ids(s.accounts.no, world.seed), "acted_at": _times(world, when)}
        ).with_columns(action=pl.lit(action))
        for s in world.segments
        for action, when in (
            ("ban", s.verdicts.banned),
            ("throttle", s.verdicts.throttled),
            ("restore", s.verdicts.restored),
        )
    ]
    end = world.start + timedelta(days=world.days)
    known = pl.concat(parts).drop_nulls("acted_at").filter(pl.col("acted_at") < end)
    return known.select("account_id", "action", "acted_at").sort("acted_at", "account_id")


def releases(world: World) -> pl.DataFrame:
    """The contract's table of releases: old models in the past, one in the world's time."""
    rows = [(name, world.start - timedelta(days=120 + 60 * k)) for k, name in enumerate(assumed.MODELS)]
    rows.append((assumed.RELEASE, world.start + timedelta(days=world.days * assumed.RELEASED)))
    return pl.DataFrame(rows, schema={"model": pl.String(), "released_at": _TIME}, orient="row").sort(
        "released_at", "model"
    )


def truth(world: World) -> pl.DataFrame:
    """Who is who: label, campaign, family, cohort, begin and end of the service.

    The cohort of an account in a campaign is the one that it passes for; one that two campaigns use has two rows.
    """
    parts = []
    for s in world.segments:
        parts.append(_truth(world, s, s.operation, s.accounts.begin, s.accounts.end))
        if s.guest is not None:
            parts.append(
                _truth(world, s, s.guest, s.accounts.guest_begin, s.accounts.guest_end).filter(
                    pl.Series(s.accounts.guest >= 0)
                )
            )
    return pl.concat(parts).sort("account_id", "campaign")


def _truth(world: World, s: Segment, operation: Operation | None, begin: Floats, end: Floats) -> pl.DataFrame:
    campaign = None if operation is None else operation.campaign
    return pl.DataFrame(
        {"account_id": account_ids(s.accounts.no, world.seed), "label": s.verdicts.guilty}
    ).with_columns(
        campaign=pl.lit(campaign.name if campaign else None, dtype=pl.String),
        family=pl.lit(campaign.family if campaign else None, dtype=pl.String),
        cohort=pl.lit(s.cohort.name),
        start=_times(world, begin),
        end=_times(world, end),
    )
