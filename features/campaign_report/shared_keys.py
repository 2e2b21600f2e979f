"""What the members of a campaign share: keys by pseudonym, with how many members show each, and when."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.campaign_report.figures import LEAST_GROUP
from features.groups.grouping import Groups
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import Links
from features.groups.members import count_members
from features.identity import key_pseudonym
from features.lake import WHOLE_LIFE, Lake
from features.schemas import KEY_KINDS

INFRASTRUCTURE = ("address", "subnet", "client", "payment", "signup_address", "signup_subnet", "mail_domain")
"""Kinds of keys that operators must acquire: networks, programs, instruments. All others are how they use them."""


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """Keys that `LEAST_GROUP` members or more show, by kind, those of most members first.

    Attributes:
        table: `kind` (name of a `LinkKind`), `words` (an analyst's), `pseudonym`, `is_infrastructure`, `accounts`
            (members that show it over their whole life), and of keys that requests show also `first_seen`, `last_seen`
            (hours) and `requests` of the members; else null.
        keys: the stored `key` of each row, by which a holder of the workspace's key finds its value again.
        left_out: how many keys fewer members show.
    """

    table: pl.DataFrame
    keys: pl.Series
    left_out: int


def list_shared_keys(
    lake: Lake, account_links: Links, groups: Groups, accounts: pl.Series, as_of: datetime
) -> SharedKeys:
    """List what ties the members of one group.

    Args:
        lake: tells who showed each key and when, over the whole life.
        account_links: what the group was made from.
        groups: this one group only.
        accounts: ids of its members, and of those that were members before they fell silent.
        as_of: nothing after it is looked at.
    """
    kinds = account_links.keys["kind"]
    numbered = account_links.keys.with_row_index("row").select(
        pl.col("row").alias("number"),
        "key",
        pl.Series("code", kinds),
        kind=pl.Series([kind.name for kind in LINK_KINDS]).gather(kinds),
        words=pl.Series([kind.words for kind in LINK_KINDS]).gather(kinds),
    )
    tying = count_members(account_links, groups).rename({"key": "number"}).join(numbered, on="number")
    used = pl.concat(
        [_read_use(lake, tying, accounts, as_of), _count_registered(lake, accounts, as_of)], how="diagonal"
    )
    counted = tying.join(used, on=["kind", "key"], how="left").with_columns(
        accounts=pl.max_horizontal("accounts", "sharers")  # those of silent accounts are not among the links
    )
    shown = counted.filter(pl.col("accounts") >= LEAST_GROUP)
    table = shown.with_columns(
        pseudonym=key_pseudonym(pl.col("kind"), pl.col("key")),
        is_infrastructure=pl.col("kind").is_in(INFRASTRUCTURE),
    ).sort("code", "accounts", "pseudonym", descending=[False, True, False])
    columns = (
        "kind", "words", "pseudonym", "is_infrastructure", "accounts", "first_seen", "last_seen", "requests",
    )  # fmt: skip
    return SharedKeys(table.select(columns), table["key"], counted.height - shown.height)


def _read_use(lake: Lake, tying: pl.DataFrame, accounts: pl.Series, as_of: datetime) -> pl.DataFrame:
    """Who showed each key that requests show, when and how often: `kind`, `key`, `sharers` and the figures."""
    codes = {kind.name: KEY_KINDS.index(kind.name) for kind in LINK_KINDS if kind.of_traffic}
    wanted = tying.filter(pl.col("kind").is_in(list(codes))).select(
        pl.col("kind").alias("name"), pl.col("kind").replace_strict(codes, return_dtype=pl.Int8), "key"
    )
    return (
        lake.key_rollups(as_of, WHOLE_LIFE)
        .join(pl.LazyFrame({"account_id": accounts}), on="account_id", how="semi")
        .join(wanted.lazy(), on=["kind", "key"])
        .group_by("name", "key")
        .agg(
            pl.col("requests").sum(),
            first_seen=pl.col("hour").min(),
            last_seen=pl.col("hour").max(),
            sharers=pl.col("account_id").n_unique().cast(pl.Int64),
        )
        .collect(engine="streaming")
        .rename({"name": "kind"})
    )


def _count_registered(lake: Lake, accounts: pl.Series, as_of: datetime) -> pl.DataFrame:
    """How many of the accounts registered with each key: `kind`, `key`, `sharers`."""
    rows = lake.accounts(as_of).filter(pl.col("account_id").is_in(accounts.implode()))
    kinds = [kind.name for kind in LINK_KINDS if kind.name in rows.columns]
    long = rows.unpivot(kinds, index="account_id", variable_name="kind", value_name="key").drop_nulls("key")
    return long.group_by("kind", "key").agg(sharers=pl.col("account_id").n_unique().cast(pl.Int64))
