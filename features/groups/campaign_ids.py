"""Continuity: a campaign keeps its id from one asking to the next, while it grows, splits or swallows another.

Ids are taken over from the past by the largest overlap, and a new one is derived from the campaign's oldest account: so
the same data, asked about at the same times in the same order, give the same ids.
"""

import hashlib
from dataclasses import dataclass

import polars as pl

_LEAST_COMMON = 2  # accounts
_LEAST_CONTAINED = 0.3  # of the smaller of two groups, in the other

LINEAGE_SCHEMA = pl.Schema(
    {"campaign_id": pl.String(), "past_id": pl.String(), "accounts": pl.Int64(), "relation": pl.String()}
)


@dataclass(frozen=True)
class CampaignIds:
    """The lasting ids of some groups, and what they have in common with campaigns of the past.

    Attributes:
        ids: `group`, `campaign_id`; sorted by group.
        lineage: `LINEAGE_SCHEMA`: `accounts` that a campaign has in common with one of the past; it `continues` it, is
            `split` from it (another one continues it), or has `merged` it in (none does).
    """

    ids: pl.DataFrame
    lineage: pl.DataFrame


def assign_ids(members: pl.DataFrame, past: pl.DataFrame) -> CampaignIds:
    """Assign a lasting id to each group.

    Args:
        members: `group`, `account_id`, `strength`, `created_at`.
        past: `campaign_id`, `account_id`, `is_now`: the last stored campaigns, and whether they are of this very time.
            Those that are keep their ids before others, so that asking again changes none.
    """
    common = _overlaps(members, past)
    id_of_group: dict[int, str] = {}
    for group, past_id in common.select("group", "campaign_id").iter_rows():
        if group not in id_of_group and past_id not in id_of_group.values():
            id_of_group[group] = past_id
    used_ids = {*id_of_group.values(), *past["campaign_id"].unique()}
    for group, founder in _founders(members).iter_rows():
        if group not in id_of_group:
            id_of_group[group] = _new_id(founder, used_ids)
            used_ids.add(id_of_group[group])
    rows = [
        (id_of_group[group], past_id, accounts, _relation(id_of_group, group, past_id))
        for group, past_id, accounts in common.select("group", "campaign_id", "accounts").iter_rows()
    ]
    ids = pl.DataFrame(sorted(id_of_group.items()), schema={"group": pl.Int64, "campaign_id": pl.String}, orient="row")
    lineage = pl.DataFrame(rows, schema=LINEAGE_SCHEMA, orient="row")
    return CampaignIds(ids, lineage.sort("campaign_id", "past_id"))


def _overlaps(members: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """`group`, `campaign_id`, `accounts` in common, the largest first."""
    size = members.group_by("group").agg(size=pl.len())
    past_size = past.group_by("campaign_id").agg(past_size=pl.len(), is_now=pl.col("is_now").any())
    smaller = pl.min_horizontal("size", "past_size")
    return (
        members.join(past.select("campaign_id", "account_id"), on="account_id")
        .group_by("group", "campaign_id")
        .agg(accounts=pl.len().cast(pl.Int64))
        .join(size, on="group")
        .join(past_size, on="campaign_id")
        .filter((pl.col("accounts") >= _LEAST_COMMON) & (pl.col("accounts") >= _LEAST_CONTAINED * smaller))
        .join(_founders(members), on="group")
        .sort("is_now", "accounts", "campaign_id", "founder", "group", descending=[True, True, False, False, False])
    )


def _founders(members: pl.DataFrame) -> pl.DataFrame:
    """`group`, `founder`: its oldest account, of those that belong to it more than to another group."""
    own = members.sort("strength", "group", descending=[True, False]).unique(
        "account_id", keep="first", maintain_order=True
    )
    either = pl.concat([own, members], how="vertical")  # a group may have no account of its own
    oldest = either.with_columns(is_own=pl.Series([True] * len(own) + [False] * len(members))).sort(
        "group", "is_own", "created_at", "account_id", descending=[False, True, False, False], nulls_last=True
    )
    return (
        oldest.group_by("group", maintain_order=True).agg(founder=pl.col("account_id").first()).sort("founder", "group")
    )


def _new_id(founder: str, used_ids: set[str]) -> str:
    """Derive an unused campaign id from the founder's account id."""
    candidate = founder
    while (campaign_id := f"campaign_{hashlib.sha256(candidate.encode()).hexdigest()[:16]}") in used_ids:
        candidate += "'"
    return campaign_id


def _relation(id_of_group: dict[int, str], group: int, past_id: str) -> str:
    if id_of_group[group] == past_id:
        return "continues"
    return "split" if past_id in id_of_group.values() else "merged"
