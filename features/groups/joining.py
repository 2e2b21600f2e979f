"""Joining: which group of the last grouping an account belongs to that has come, or shown its keys, since.

All accounts are grouped again every few hours. Until then an account is weighed against what the groups share, by the
measures that make a member there (`features.groups.grouping`): so much tied traffic, beside what the group's median
member shows, and such a share of all that ties the account.
"""

from datetime import datetime

import polars as pl

from features.groups.evidence import closeness_of
from features.groups.grouping import LEAST_MEMBERSHIP, LEAST_SHARE, LEAST_STRENGTH, LEAST_TIE, OF_MEDIAN
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import DEALT, Links
from features.groups.members import word_ties
from features.lake import Lake
from features.schemas import KEY_KINDS

GROUP_KEYS = pl.Schema(
    {
        "group": pl.String(),
        "kind": pl.Int8(),
        "key": pl.Int64(),
        "weight": pl.Float64(),
        "accounts": pl.Int64(),
        "median": pl.Float64(),
    }
)
"""A key that requests show, of a `group`: its `kind` (position in `KEY_KINDS`), its tie times the share of it that is
the group's (`weight`), how many members show it, and the tied traffic of the group's `median` member."""

_CODES = {code: KEY_KINDS.index(kind.name) for code, kind in enumerate(LINK_KINDS) if kind.of_traffic}
_KINDS = {shown: code for code, shown in _CODES.items()}


def list_group_keys(links: Links, members: pl.DataFrame) -> pl.DataFrame:
    """List the keys by which an account can join a group.

    Args:
        links: what ties the accounts.
        members: `group`, `account_id`.

    Returns:
        `GROUP_KEYS`, sorted.
    """
    keys = links.keys.select(pl.col("key").alias("name"), "kind", "tie").with_row_index("key")
    ties = (
        links.pairs.join(keys.filter(pl.col("kind").is_in(list(_CODES))), on="key")
        .with_columns(weight=DEALT * pl.col("tie"))
        .filter(pl.col("weight") >= LEAST_TIE)
    )
    numbers = links.accounts.select("account_id").with_row_index("account")
    own = ties.join(members.join(numbers, on="account_id"), on="account")
    total = ties.group_by("key").agg(total=pl.col("weight").sum())
    lies = (
        own.group_by("group", "key", "name", "kind", "tie")
        .agg(pl.col("weight").sum(), accounts=pl.len().cast(pl.Int64))
        .join(total, on="key")
        .select("group", "key", "name", "kind", "tie", "accounts", share=pl.col("weight") / pl.col("total"))
        .filter((pl.col("share") >= LEAST_SHARE) & (pl.col("accounts") > 1))
    )
    strength = (
        own.join(lies.select("group", "key", "share"), on=["group", "key"])
        .group_by("group", "account")
        .agg(strength=(pl.col("weight") * pl.col("share")).sum())
    )
    medians = strength.group_by("group").agg(median=pl.col("strength").median())
    return (
        lies.join(medians, on="group")
        .select(
            "group",
            pl.col("kind").replace_strict(_CODES, return_dtype=pl.Int8),
            pl.col("name").alias("key"),
            weight=pl.col("tie") * pl.col("share"),
            accounts="accounts",
            median="median",
        )
        .cast(GROUP_KEYS)
        .sort("group", "kind", "key")
    )


def join_groups(lake: Lake, as_of: datetime, account_ids: pl.Series, group_keys: pl.DataFrame) -> pl.DataFrame:
    """Weigh accounts against the groups, as of a time.

    Accounts of an organisation wait for the next grouping: what they share counts as one customer's there.

    Args:
        lake: with their requests; nothing after as_of is looked at.
        as_of: the time.
        account_ids: who is weighed.
        group_keys: `GROUP_KEYS`.

    Returns:
        `account_id`, `group`, `closeness`, `ties` (in words), sorted: one row for each account that belongs to a
        group, that to which most of its traffic ties it.
    """
    registered = lake.accounts(as_of).filter(pl.col("organization").is_not_null())["account_id"]
    is_asked = pl.col("account_id").is_in(account_ids.implode()) & ~pl.col("account_id").is_in(registered.implode())
    everything = lake.account_rollups(as_of, which=is_asked).group_by("account_id").agg(all=pl.col("requests").sum())
    shown = (
        lake.key_rollups(as_of)
        .filter(is_asked & pl.col("kind").is_in(list(_KINDS)))
        .group_by("account_id", "kind", "key")
        .agg(pl.col("requests").sum())
        .join(group_keys.lazy(), on=["kind", "key"])
        .join(everything, on="account_id")
        .with_columns(part=pl.col("requests") / pl.col("all") * pl.col("weight"))
        .collect(engine="streaming")
    )
    strength = shown.group_by("account_id", "group").agg(strength=pl.col("part").sum(), median=pl.col("median").first())
    membership = pl.col("strength") / pl.col("strength").sum().over("account_id")
    enough = (pl.col("strength") >= LEAST_STRENGTH) & (pl.col("strength") >= OF_MEDIAN * pl.col("median"))
    joined = (
        strength.filter(enough & (membership >= LEAST_MEMBERSHIP))
        .sort("account_id", "strength", "group", descending=[False, True, False])
        .unique("account_id", keep="first", maintain_order=True)
        .with_columns(closeness=closeness_of(pl.col("strength") / pl.col("median")))
    )
    words = word_ties(_sum_up(shown)).rename({"account": "account_id"})
    return joined.select("account_id", "group", "closeness").join(
        words, on=["account_id", "group"], how="left", maintain_order="left"
    )


def _sum_up(shown: pl.DataFrame) -> pl.DataFrame:
    """What ties accounts to groups, by kind, the heaviest first, for `word_ties`."""
    return (
        shown.with_columns(pl.col("kind").replace_strict(_KINDS, return_dtype=pl.Int8))
        .group_by("group", pl.col("account_id").alias("account"), "kind")
        .agg(keys=pl.len().cast(pl.Int64), others=pl.col("accounts").max(), weight=pl.col("part").sum().round(9))
        .sort("group", "account", "weight", "kind", descending=[False, False, True, False])
    )
