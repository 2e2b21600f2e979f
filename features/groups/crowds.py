"""Crowds: honest accounts that act alike for an hour or two, and then no more.

A class gets one task in one room, a rumour goes round a forum, a workshop uses one script. Its members share rare
texts, a network and the day of their registration, which no chance explains. What they lack is duration: a campaign
works for days, or its harvest is not worth the accounts. (SynchroTrap, Cao et al. 2014, asks for matching acts over
several days for the same reason.)
"""

from datetime import datetime

import polars as pl

from features.groups.grouping import Groups
from features.groups.links import LINK_KINDS, Links
from features.lake import Lake
from features.schemas import KEY_KINDS

LEAST_HOURS = 6.0
"""Hours in which the median member of a campaign shows keys that tie it.

Chosen on the scenario `composed`, seed 31, organisations blank: classes showed 2 to 3, campaigns 12 to 21.
"""


def without_crowds(groups: Groups, account_links: Links, lake: Lake, as_of: datetime) -> Groups:
    """Return the groups that last; one whose keys are shown at registration only is kept.

    Args:
        groups: what chance does not explain.
        account_links: what they were made from.
        lake: tells the hours; nothing after as_of is looked at.
        as_of: the time that the groups are of.
    """
    hours = count_tied_hours(groups, account_links, lake, as_of)
    crowds = hours.group_by("group").agg(pl.col("hours").median()).filter(pl.col("hours") < LEAST_HOURS).select("group")
    return Groups(*(part.join(crowds, on="group", how="anti") for part in (groups.members, groups.groups, groups.keys)))


def count_tied_hours(groups: Groups, account_links: Links, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`group`, `account_id`, `hours`: in how many hours each member showed keys of its group, of those that did."""
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
        .group_by("group", "account_id")
        .agg(hours=pl.col("hour").n_unique())
        .sort("group", "account_id")
        .collect(engine="streaming")
    )
