"""Make the tables besides requests: accounts, labels, enforcement, releases and the truth."""

from datetime import timedelta

import numpy as np
import polars as pl

from simulation.campaign_accounts import OWNERS, Operation
from simulation.cohorts.base import PLANS
from simulation.constants import assumed
from simulation.draws import Flags, Floats, Ints, below, choose, ids, keyed, names, take, unit
from simulation.traffic.columns import account_ids, null_unless
from simulation.traffic.infrastructure import (
    COUNTRIES,
    MAIL,
    MAIL_SHARES,
    draw_countries,
    draw_origins,
    write_addresses,
)
from simulation.world import Segment, World

_TIME = pl.Datetime("us", "UTC")


def _times(world: World, days: Floats) -> pl.Series:
    """Turn days from the start of the world into times; null where infinite or not a number."""
    is_finite = np.isfinite(days)
    zero = int(world.start.timestamp() * 1e6)
    micros = zero + np.floor(np.where(is_finite, days, 0.0) * 86_400e6).astype(np.int64)
    frame = pl.DataFrame({"t": micros, "is_finite": is_finite})
    return frame.select(pl.when("is_finite").then(pl.col("t")).cast(_TIME)).to_series()


def accounts_table(world: World) -> pl.DataFrame:
    """Make the contract's table of accounts."""
    table = pl.concat([_accounts(world, segment) for segment in world.segments]).sort("account_id")
    if world.scenario.names_customers:
        return table
    return table.with_columns(pl.lit(None, pl.String).alias(name) for name in ("organization_id", "programme"))


def _accounts(world: World, segment: Segment) -> pl.DataFrame:
    drawn, cohort, seed = segment.accounts, segment.cohort, world.seed
    plans = np.array(PLANS)[drawn.plan]
    customers = ("organization" in cohort.common) | (plans == "team") | (plans == "enterprise")
    customer = drawn.team if "organization" in cohort.common else drawn.number
    pays = (plans != "free") | (drawn.payer >= OWNERS) | (unit(keyed(drawn.payer, 430, seed)) < assumed.PAYS_ON_FREE)
    home = draw_origins(drawn.networks, drawn.country, keyed(drawn.address_holder, 0, 0, 424, seed))
    # an instrument has one country, whoever pays with it: mostly that of the account or team that holds it
    holder = np.where(drawn.payer == drawn.number, drawn.country, draw_countries(keyed(drawn.payer, 406, seed)))
    at_home = unit(keyed(drawn.payer, 431, seed)) < assumed.BILLED_AT_HOME
    billing = np.where(at_home, holder, below(keyed(drawn.payer, 432), len(COUNTRIES)))
    programme = choose(dict(cohort.programmes), keyed(customer, 433, seed))
    return pl.DataFrame(
        {
            "account_id": account_ids(drawn.number, seed),
            "created_at": _times(world, drawn.created),
            "plan": pl.Series(plans.tolist(), dtype=pl.String),
            "organization_id": null_unless(ids(keyed(customer, 434, seed), "org_"), customers),
            "programme": take(pl.Series([p or None for p in cohort.programmes], dtype=pl.String), programme),
            "email_domain": _mail(world, segment, customer, customers),
            "payment_fingerprint": null_unless(ids(keyed(drawn.payer, 435, seed), "pm_"), pays),
            "signup_address": null_unless(
                write_addresses(home.number, home.v6), unit(keyed(drawn.number, 436, seed)) < assumed.SIGNUP_KNOWN
            ),
            "billing_country": null_unless(take(pl.Series(list(COUNTRIES)), billing), pays),
        }
    )


def _mail(world: World, segment: Segment, customer: Ints, customers: Flags) -> pl.Series:
    """The customer's own mail domain, or that of a large provider."""
    drawn = segment.accounts
    shared = "mail" in segment.cohort.common
    own = names(customer, np.zeros(len(customer)), world.seed).str.to_lowercase().str.replace(" ", "") + ".example"
    public = take(
        pl.Series(MAIL), choose(dict(zip(MAIL, MAIL_SHARES, strict=True)), keyed(drawn.number, 437, world.seed))
    )
    office = np.full(len(drawn), shared) | (customers & (unit(keyed(customer, 438, world.seed)) < assumed.OWN_DOMAIN))
    return pl.select(pl.when(pl.lit(pl.Series(office))).then(pl.lit(own)).otherwise(pl.lit(public))).to_series()


def labels_table(world: World) -> pl.DataFrame:
    """Make the contract's table of labels: all that are known by the end, each with the time it became known."""
    parts = [
        pl.DataFrame(
            {
                "account_id": account_ids(s.accounts.number, world.seed),
                "label": s.enforcement.guilty,
                "labelled_at": _times(world, s.enforcement.labelled),
                "campaign": pl.Series(
                    [None if s.operation is None else s.operation.campaign.name] * len(s.accounts),
                    dtype=pl.String,
                ),
            }
        )
        for s in world.segments
    ]
    return pl.concat(parts).drop_nulls("labelled_at").sort("labelled_at", "account_id")


def enforcement_table(world: World) -> pl.DataFrame:
    """Make the contract's table of enforcement, up to the end of the world."""
    parts = [
        pl.DataFrame(
            {"account_id": account_ids(s.accounts.number, world.seed), "acted_at": _times(world, when)}
        ).with_columns(action=pl.lit(action))
        for s in world.segments
        for action, when in (
            ("ban", s.enforcement.banned),
            ("throttle", s.enforcement.throttled),
            ("restore", s.enforcement.restored),
        )
    ]
    end = world.start + timedelta(days=world.days)
    acts = pl.concat(parts).drop_nulls("acted_at").filter(pl.col("acted_at") < end)
    return acts.select("account_id", "action", "acted_at").sort("acted_at", "account_id")


def releases_table(world: World) -> pl.DataFrame:
    """Make the contract's table of releases: older models before the world, one model during it."""
    rows = [(name, world.start - timedelta(days=120 + 60 * k)) for k, name in enumerate(assumed.MODELS)]
    rows.append((assumed.RELEASE, world.start + timedelta(days=world.days * assumed.RELEASED)))
    return pl.DataFrame(rows, schema={"model": pl.String(), "released_at": _TIME}, orient="row").sort(
        "released_at", "model"
    )


def truth_table(world: World) -> pl.DataFrame:
    """Make the table of the truth: label, campaign, family, cohort, begin and end of the service.

    The cohort of an account in a campaign is its disguise. An account that two campaigns use has two rows.
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
        {"account_id": account_ids(s.accounts.number, world.seed), "label": s.enforcement.guilty}
    ).with_columns(
        campaign=pl.lit(campaign.name if campaign else None, dtype=pl.String),
        family=pl.lit(campaign.family if campaign else None, dtype=pl.String),
        cohort=pl.lit(s.cohort.name),
        start=_times(world, begin),
        end=_times(world, end),
    )
