"""Members of campaigns: who acts together, under which lasting id, and what ties each member to the others."""

from datetime import datetime

import polars as pl

from features.groups.campaign_ids import assign_ids
from features.groups.crowds import without_crowds
from features.groups.grouping import Groups, group_accounts
from features.groups.links import LINK_KINDS, Links, read_links
from features.lake import Lake

_KINDS = 3  # kinds of shared keys named for a member, the heaviest first; twice as many would not fit a line
_SEED = 0  # of the grouping: another seed may give other campaigns


def group_lake(lake: Lake, as_of: datetime) -> tuple[Links, Groups]:
    """Compute the links between accounts as of a time, and the campaigns among them."""
    account_links = read_links(lake, as_of)
    surprising = group_accounts(account_links, _SEED).campaigns()
    return account_links, without_crowds(surprising, account_links, lake, as_of)


def name_members(account_links: Links, groups: Groups, past: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the campaigns lasting ids, and say what ties each member.

    Args:
        account_links: what the groups were made from.
        groups: campaigns as of a time.
        past: members of earlier campaigns, see `assign_ids`.

    Returns:
        One row per member with `group`, `campaign_id` and `ties`, sorted by campaign and account; and the lineage.
    """
    accounts = account_links.accounts.select("account_id", "created_at").with_row_index("account")
    members = groups.members.join(accounts, on="account", maintain_order="left")
    names = assign_ids(members, past)
    words = _words(evidence_of(account_links, groups))
    named = members.join(names.ids, on="group").join(words, on=["group", "account"], how="left")
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
            weight=(pl.col("share") * pl.col("tie")).sum(),
        )
        .sort("group", "account", "weight", "kind", descending=[False, False, True, False])
    )


def _words(evidence: pl.DataFrame) -> pl.DataFrame:
    """Word the evidence: `group`, `account`, `ties` (`openings of prompts (12 keys, up to 61 accounts), ...`)."""
    names = {code: kind.words for code, kind in enumerate(LINK_KINDS)}
    counts = [
        pl.format("{} {}", column, pl.when(pl.col(column) == 1).then(pl.lit(noun)).otherwise(pl.lit(f"{noun}s")))
        for column, noun in (("keys", "key"), ("others", "account"))
    ]
    kind = pl.col("kind").replace_strict(names, return_dtype=pl.String)
    return evidence.group_by("group", "account", maintain_order=True).agg(
        ties=pl.format("{} ({}, up to {})", kind, *counts).head(_KINDS).str.join(", ")
    )
