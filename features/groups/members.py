"""Members of campaigns: who acts together, under which lasting id, and what ties each member to the others."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.groups.campaign_ids import assign_ids
from features.groups.evidence import measure_closeness, weigh_groups
from features.groups.grouping import Groups, group_accounts
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import Links, read_links
from features.lake import Lake

_KINDS = 3  # kinds of shared keys named for a member, the heaviest first; twice as many would not fit a line
_SEED = 0  # of the grouping: another seed may give other campaigns


@dataclass(frozen=True)
class WeighedGroups:
    """The groups as of a time that are large enough to be weighed.

    Attributes:
        links: what they were made from.
        groups: the groups.
        evidence: see `features.groups.evidence.weigh_groups`.
    """

    links: Links
    groups: Groups
    evidence: pl.DataFrame


def group_lake(lake: Lake, as_of: datetime) -> WeighedGroups:
    """Group the accounts as of a time, and weigh what speaks for each group."""
    account_links = read_links(lake, as_of)
    groups = group_accounts(account_links, _SEED)
    evidence = weigh_groups(groups, account_links, lake, as_of)
    return WeighedGroups(account_links, groups.restrict(evidence["group"]), evidence)


def name_members(weighed: WeighedGroups, past: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the groups lasting ids, and say what ties each member.

    Args:
        weighed: groups as of a time.
        past: members of earlier groups, see `assign_ids`.

    Returns:
        One row per member with `group`, `campaign_id`, `ties`, `closeness` and its group's `surprise`, `odds` and
        `is_crowd`, sorted by id and account; and the lineage.
    """
    accounts = weighed.links.accounts.select("account_id", "created_at").with_row_index("account")
    members = measure_closeness(weighed.groups.members.join(accounts, on="account", maintain_order="left"))
    names = assign_ids(members, past)
    named = (
        members.join(names.ids, on="group")
        .join(word_ties(evidence_of(weighed.links, weighed.groups)), on=["group", "account"], how="left")
        .join(weighed.evidence.select("group", "odds", "is_crowd"), on="group")
        .join(weighed.groups.groups.select("group", "surprise"), on="group")
    )
    return named.with_columns(pl.col("ties").fill_null("")).sort("campaign_id", "account_id"), names.lineage


def evidence_of(account_links: Links, groups: Groups) -> pl.DataFrame:
    """Sum up what ties each member to its group, by kind of key.

    Returns:
        One row per `group`, `account` and `kind` (position in `LINK_KINDS`), sorted by group and account, the heaviest
        kind first. `keys`: how many of the group's keys the account shows; `others`: the most other members that show
        one of them; `weight`: the sum of traffic share times tie.
    """
    kinds = account_links.keys.select("tie", "kind").with_row_index("key")
    shown = (
        groups.members.select("group", "account")
        .join(account_links.pairs, on="account")
        .join(groups.keys.select("group", "key"), on=["group", "key"])
        .join(kinds, on="key")
        .with_columns(others=pl.len().over("group", "key").cast(pl.Int64) - 1)
        .filter(pl.col("others") > 0)
    )
    return (
        shown.sort("group", "account", "key")
        .group_by("group", "account", "kind", maintain_order=True)
        .agg(
            keys=pl.len().cast(pl.Int64),
            others=pl.col("others").max(),
            weight=(pl.col("share") * pl.col("tie")).sum().round(9),
        )
        .sort("group", "account", "weight", "kind", descending=[False, False, True, False])
    )


def word_ties(evidence: pl.DataFrame) -> pl.DataFrame:
    """Word evidence (`evidence_of`, of accounts by number or by id).

    Returns:
        `group`, `account`, `ties`: `openings of prompts (12 keys, up to 61 accounts), ...`, the first `_KINDS` kinds.
    """
    names = {code: kind.words for code, kind in enumerate(LINK_KINDS)}
    counts = [
        pl.format("{} {}", column, pl.when(pl.col(column) == 1).then(pl.lit(noun)).otherwise(pl.lit(f"{noun}s")))
        for column, noun in (("keys", "key"), ("others", "account"))
    ]
    kind = pl.col("kind").replace_strict(names, return_dtype=pl.String)
    return evidence.group_by("group", "account", maintain_order=True).agg(
        ties=pl.format("{} ({}, up to {})", kind, *counts).head(_KINDS).str.join(", ")
    )


def count_members(account_links: Links, groups: Groups) -> pl.DataFrame:
    """Count the members that show each key of their group: `group`, `key` (row of the links' keys), `accounts`."""
    return (
        groups.members.select("group", "account")
        .join(account_links.pairs.select("account", "key"), on="account")
        .join(groups.keys.select("group", "key"), on=["group", "key"])
        .group_by("group", "key")
        .agg(accounts=pl.len().cast(pl.Int64))
        .sort("group", "key")
    )
