"""What speaks for a group being a campaign, and what its members' risk gains by it.

Accounts share rare keys for many reasons. A class is given one task, a rumour goes round a forum, customers run the
same public tool. What tells campaigns from such crowds is that they last for more than a few hours, that many accounts
work hard and evenly at it, beside other traffic, and that it is chance which of them asks what, and when
(`features.groups.spreads`).
SynchroTrap (Cao et al. 2014) asks for matching acts over several days for the same reason. How the members score by
themselves says the rest: evidence that is weak in each adds up over a group.

All of it is one number, the log-odds that a group is a campaign: a logistic regression on the groups of seven
simulated worlds, in which public tools circulate; customers are named in three. `python -m benchmarks evidence` fits
it again on another draw of them, and gives weights like these. A member's risk gains a `lift` by it. Weights are signed
as fitted: who sends nothing but the shared texts is more often a customer's machine.
"""

from datetime import datetime

import polars as pl

from features.groups.grouping import Groups
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import Links
from features.groups.spreads import CELL_COLUMNS, SPREADS, measure_spreads
from features.lake import Lake
from features.schemas import KEY_KINDS

LEAST_ACCOUNTS = 5  # of a group that is weighed; smaller ones were not among those that the weights were fitted on
LEAST_HOURS = 7.0
"""A group whose median member shows the keys that tie it in so many hours or fewer is a crowd.

In the worlds of `python -m benchmarks evidence` classes showed up to 7, campaigns 8 and more.
"""

REPORTED_ODDS = 1.0
"""Log-odds from which a group is reported, chosen for at most 1 in 50 honest ones: 1 of 57, each world judged by the
others; where the command draws worlds and labels anew, 3 of 62, with 0.72 of the accounts in groups of campaigns."""

UNMODELLED_ODDS, LEAST_SURPRISE = -5.5, 1.0
"""Log-odds, and decimal logarithm of the odds against chance, from which a group is reported where no model tells its
members' standing. In the draw that the weights were fitted on, by these weights, 0 of 33 such groups were honest, with
0.48 of the accounts in groups of campaigns; `python -m benchmarks grouping worlds` judges them in other worlds.
Customers of one tool are no chance (of 35 groups from 9 on, 30 were honest), and in small worlds a few accounts that
chance brings together act like a campaign: neither tells alone."""

_WEIGHTS = {
    "log_hours": -1.35,
    "log_accounts": 1.01,
    "cover": -9.41,
    "common_work": 23.05,
    "evenness": 1.74,
    "strength": 7.73,
    "topic_spread": -11.64,
    "hour_spread": -3.54,
}
_INTERCEPT = -9.82
_ENOUGH_WORK = 0.3  # of a median member's requests: more common work does not speak for a group any more
_USUAL_SPREAD = 0.3  # between members where their hours are too few to tell
_STANDING_WEIGHT = 9.15
_LEAST_ODDS, _MOST_ODDS = -3.0, 2.0  # of a group when its members are lifted: nine in ten of a campaign's are right
# What a group adds to its members' normal score; fitted on the accounts of the same worlds.
_LIFT, _CLOSENESS_WEIGHT, _CROWD = 1.86, 0.53, -0.42
_CLOSENESS = (-2.0, 1.0)  # bounds of the log of a member's strength over its group's median

EVIDENCE_COLUMNS = ("group", "accounts", "hours", "cover", "evenness", "strength", *SPREADS, "odds", "is_crowd")
GROUP_SCHEMA = pl.Schema(
    {"group": pl.String(), "odds": pl.Float64(), "closeness": pl.Float64(), "is_crowd": pl.Boolean()}
)
"""What is known of an account's group: its name, its `odds` without its members' standing, the `closeness` of the
account to it, and whether it `is_crowd`."""


def weigh_groups(groups: Groups, account_links: Links, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Weigh the groups of `LEAST_ACCOUNTS` or more, without their members' standing.

    Args:
        groups: as they were parted.
        account_links: what they were made from.
        lake: tells hours and volume; nothing after as_of is looked at.
        as_of: the time that the groups are of.

    Returns:
        `group`, `hours` (median of the members' hours with shared keys; null where they share what they registered with
        only), `cover` (share of a median member's requests that show a template of the group), `evenness` (effective
        number of members by such requests, over their number), `strength` (a median member's), `odds`, `is_crowd`;
        sorted.
    """
    hours = list_tied_hours(groups, account_links, lake, as_of)
    tied = _describe_members(groups, account_links, hours, lake, as_of)
    volume, accounts = pl.col("cover") * pl.col("requests"), pl.len()
    described = (
        tied.group_by("group")
        .agg(
            accounts=accounts,
            hours=pl.col("hours").median(),
            cover=pl.col("cover").median(),
            evenness=(volume.sum() ** 2 / (accounts * (volume**2).sum())).fill_nan(0.0),
            strength=pl.col("strength").median(),
        )
        .filter(pl.col("accounts") >= LEAST_ACCOUNTS)
        .join(groups.groups.select("group"), on="group", how="semi")  # those of several customers
        .with_columns(is_crowd=(pl.col("hours") <= LEAST_HOURS).fill_null(False))
    )
    lasting = described.filter(~pl.col("is_crowd")).select("group")  # a crowd's odds are bounded, whatever it does
    spreads = measure_spreads(_read_cells(hours.join(lasting, on="group", how="semi"), lake, as_of))
    return (
        described.join(spreads, on="group", how="left")
        .with_columns(odds=_INTERCEPT + pl.sum_horizontal(_WEIGHTS[name] * trait for name, trait in traits().items()))
        .select(*EVIDENCE_COLUMNS)
        .sort("group")
    )


def traits() -> dict[str, pl.Expr]:
    """What the log-odds of a group are a weighted sum of, from the columns of `weigh_groups`."""
    logs = {"log_hours": pl.col("hours").fill_null(0).log1p(), "log_accounts": pl.col("accounts").log()}
    plain = {name: pl.col(name) for name in ("cover", "evenness", "strength")}
    plain["common_work"] = pl.col("cover").clip(upper_bound=_ENOUGH_WORK)
    return logs | plain | {name: pl.col(name).fill_null(_USUAL_SPREAD) for name in SPREADS}


def _read_cells(hours: pl.DataFrame, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """What members did in the hours in which they showed keys of their groups, for `measure_spreads`."""
    rollups = lake.account_rollups(as_of).select("account_id", "hour", *CELL_COLUMNS)
    return rollups.join(hours.lazy(), on=["account_id", "hour"]).collect(engine="streaming")


def add_standing(members: pl.DataFrame, within: tuple[str, ...] = ()) -> pl.DataFrame:
    """Add to each group's `odds` what its members' standing says.

    Args:
        members: `GROUP_SCHEMA`, the columns `within`, and `standing`: the share of accounts that score lower, in
            [0, 1]. Members without one are passed over; a group of such only has the odds of a mean standing.
        within: columns that tell apart groups of the same name, such as `as_of`.
    """
    mean = pl.col("standing").mean().over(*within, "group").fill_null(0.5)
    return members.with_columns(odds=pl.col("odds") + _STANDING_WEIGHT * mean)


def lift() -> pl.Expr:
    """What a member's normal score gains or loses by its group, from the columns of `add_standing`; else 0."""
    gain = bounded_odds().exp().log1p()
    closer = _CLOSENESS_WEIGHT * pl.col("closeness") * gain.clip(upper_bound=1.0)
    return (_LIFT * gain + closer + pl.when("is_crowd").then(_CROWD).otherwise(0.0)).fill_null(0.0)


def is_reported() -> pl.Expr:
    """Whether a group is reported, from the columns of `add_standing`."""
    return ~pl.col("is_crowd") & (pl.col("odds") >= REPORTED_ODDS)


def is_reported_unmodelled() -> pl.Expr:
    """Whether a group is reported where no model tells its standing, from `odds`, `surprise` and `is_crowd`."""
    acts_like_one, is_no_chance = pl.col("odds") >= UNMODELLED_ODDS, pl.col("surprise") >= LEAST_SURPRISE
    return ~pl.col("is_crowd") & acts_like_one & is_no_chance


def bounded_odds() -> pl.Expr:
    """The odds of a group when its members are lifted."""
    return pl.when("is_crowd").then(_LEAST_ODDS).otherwise(pl.col("odds").clip(_LEAST_ODDS, _MOST_ODDS))


def measure_closeness(members: pl.DataFrame) -> pl.DataFrame:
    """Add `closeness`: the log of a member's strength over the median of its `group`'s, within bounds."""
    return members.with_columns(closeness=closeness_of(pl.col("strength") / pl.col("strength").median().over("group")))


def closeness_of(relative_strength: pl.Expr) -> pl.Expr:
    """The log of a strength over the median of a group's, within bounds."""
    return relative_strength.log().clip(*_CLOSENESS)


def _describe_members(
    groups: Groups, account_links: Links, hours: pl.DataFrame, lake: Lake, as_of: datetime
) -> pl.DataFrame:
    """`group`, `account`, `strength`, `cover`, `hours`, `requests` of each member."""
    names = account_links.accounts.select("account_id").with_row_index("account")
    usage = lake.account_rollups(as_of).group_by("account_id").agg(pl.col("requests").sum())
    members = groups.members.select("group", "account", "strength").join(names, on="account")
    return (
        members.join(_cover(groups, account_links), on=["group", "account"], how="left")
        .join(hours.group_by("group", "account_id").agg(hours=pl.len()), on=["group", "account_id"], how="left")
        .join(usage.collect(engine="streaming"), on="account_id", how="left")
        .with_columns(pl.col("cover", "requests").fill_null(0), _hours_or_none())
    )


def _hours_or_none() -> pl.Expr:
    """0 for a member who shows no key of traffic, unless nobody of its group does: then nothing is known of hours."""
    shows = pl.col("hours").is_not_null().any().over("group")
    return pl.when(shows).then(pl.col("hours").fill_null(0)).otherwise(None).alias("hours")


def _cover(groups: Groups, account_links: Links) -> pl.DataFrame:
    """`group`, `account`, `cover`: requests that show templates of the group, by the kind that shows most."""
    templates = [code for code, kind in enumerate(LINK_KINDS) if kind.evidence == "template"]
    kinds = account_links.keys.select("kind").with_row_index("key").filter(pl.col("kind").is_in(templates))
    return (
        groups.members.select("group", "account")
        .join(account_links.pairs, on="account")
        .join(groups.keys.select("group", "key"), on=["group", "key"])
        .join(kinds, on="key")
        .group_by("group", "account", "kind")
        .agg(pl.col("share").sum())
        .group_by("group", "account")
        .agg(cover=pl.col("share").max().clip(upper_bound=1.0))
    )


def list_tied_hours(groups: Groups, account_links: Links, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`group`, `account_id`, `hour`: when each member showed keys of its group, each hour once; sorted."""
    names = account_links.accounts.select("account_id").with_row_index("account")
    members = groups.members.select("group", "account").join(names, on="account").select("group", "account_id")
    codes = {code: KEY_KINDS.index(kind.name) for code, kind in enumerate(LINK_KINDS) if kind.of_traffic}
    numbered = account_links.keys.select("kind", "key").with_row_index("number")
    keys = (
        groups.keys.select("group", number="key")
        .join(numbered, on="number")
        .filter(pl.col("kind").is_in(list(codes)))
        .select("group", pl.col("kind").replace_strict(codes, return_dtype=pl.Int8), "key")
    )
    shown = lake.key_rollups(as_of).join(members.select("account_id").unique().lazy(), on="account_id", how="semi")
    return (
        shown.join(keys.lazy(), on=["kind", "key"])
        .join(members.lazy(), on=["group", "account_id"])
        .select("group", "account_id", "hour")
        .unique()
        .sort("group", "account_id", "hour")
        .collect(engine="streaming")
    )
