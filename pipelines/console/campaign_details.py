"""What pages tell of each campaign: its whole course, what ties it, whom it lost, and its graph."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from features.groups.link_kinds import LINK_KINDS
from features.groups.members import WeighedGroups, evidence_of
from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS
from pipelines.console.account_details import whole_life

_NODES, _SHARED_KEYS = 150, 40
"""Members and shared keys that a graph draws, the most tied first; with twice as many nobody tells lines apart."""

_MODELS = 5
_WORDS = {kind.name: kind.words for kind in LINK_KINDS}
Details = dict[str, dict[str, Any]]


def describe_campaigns(
    lake: Lake, as_of: datetime, weighed: WeighedGroups, members: pl.DataFrame
) -> Mapping[str, dict[str, Any]]:
    """Tell of each campaign what its page shows.

    Args:
        lake: the tables.
        as_of: the time asked about.
        weighed: the groups of that time.
        members: `campaign_id`, `account_id`; `group` and `account` (row number) where the group is of that time.
    """
    details: Details = {campaign: {} for campaign in members["campaign_id"].unique().sort()}
    for rows in (
        _course(lake, as_of, members),
        _models(lake, as_of, members),
        _capabilities(lake, as_of, members),
        _evidence(weighed, members),
        _graphs(weighed, members),
        _lineage(lake, as_of),
        _bans(lake, as_of, members),
    ):
        for campaign, values in rows.items():
            if campaign in details:
                details[campaign] |= values
    return details


def _by_campaign(frame: pl.DataFrame, name: str) -> Details:
    """The rows of each campaign, as records under a name."""
    return {
        str(campaign): {name: part.drop("campaign_id").to_dicts()}
        for (campaign,), part in frame.group_by("campaign_id", maintain_order=True)
    }


def _course(lake: Lake, as_of: datetime, members: pl.DataFrame) -> Details:
    day = pl.col("hour").dt.truncate("1d").dt.epoch("s").alias("day")
    rows = whole_life(lake, as_of).join(members.lazy().select("campaign_id", "account_id"), on="account_id")
    daily = rows.group_by("campaign_id", day).agg(
        pl.col("requests").sum(),
        tokens=(pl.col("input_tokens") + pl.col("output_tokens")).sum(),
        accounts=pl.col("account_id").n_unique(),
    )
    return _by_campaign(daily.sort("campaign_id", "day").collect(engine="streaming"), "course")


def _keys_of(lake: Lake, as_of: datetime, members: pl.DataFrame, kind: str) -> pl.LazyFrame:
    rows = lake.scan_named("key_rollups", as_of).filter(pl.col("hour") < full_hour(as_of))
    own = rows.filter(pl.col("kind") == KEY_KINDS.index(kind))
    return own.join(members.lazy().select("campaign_id", "account_id"), on="account_id")


def _models(lake: Lake, as_of: datetime, members: pl.DataFrame) -> Details:
    """Requests of each of the models used most, by day: a pivot after a release shows."""
    day = pl.col("hour").dt.truncate("1d").dt.epoch("s").alias("day")
    used = _keys_of(lake, as_of, members, "model").group_by("campaign_id", "key", day).agg(pl.col("requests").sum())
    daily = used.collect(engine="streaming").with_columns(total=pl.col("requests").sum().over("campaign_id", "key"))
    ranked = daily.with_columns(rank=pl.col("total").rank("dense", descending=True).over("campaign_id"))
    top = ranked.filter(pl.col("rank") <= _MODELS).sort("campaign_id", "rank", "key", "day")
    return _by_campaign(top.select("campaign_id", "key", "day", "requests"), "models")


def _capabilities(lake: Lake, as_of: datetime, members: pl.DataFrame) -> Details:
    asked = _keys_of(lake, as_of, members, "capability").group_by("campaign_id", "key").agg(pl.col("requests").sum())
    best_first = asked.collect(engine="streaming").sort(
        "campaign_id", "requests", "key", descending=[False, True, False]
    )
    return _by_campaign(best_first, "capabilities")


def _evidence(weighed: WeighedGroups, members: pl.DataFrame) -> Details:
    """Of each kind of shared key: how many members show one, how many keys there are at most, and the weight."""
    words = pl.Series([kind.words for kind in LINK_KINDS])
    present = members.filter(pl.col("group").is_not_null()).select("campaign_id", "group").unique()
    counted = evidence_of(weighed.links, weighed.groups).join(present, on="group")
    rows = counted.group_by("campaign_id", "kind").agg(
        accounts=pl.len(), keys=pl.col("keys").max(), others=pl.col("others").max(), weight=pl.col("weight").sum()
    )
    worded = rows.with_columns(
        words=words.gather(rows["kind"]), share=pl.col("weight") / pl.col("weight").sum().over("campaign_id")
    )
    ordered = worded.sort("campaign_id", "weight", "kind", descending=[False, True, False]).drop("kind", "weight")
    return _by_campaign(ordered, "evidence")


def _graphs(weighed: WeighedGroups, members: pl.DataFrame) -> Details:
    """Members and the keys that several of them share, as many as can be read."""
    names = pl.Series([kind.name for kind in LINK_KINDS])
    keys = weighed.links.keys.select("tie", "kind").with_row_index("key")
    present = members.filter(pl.col("group").is_not_null())
    shown = (
        present.select("campaign_id", "group", "account", "account_id", "membership")
        .join(weighed.links.pairs.select("account", "key", "share"), on="account")
        .join(weighed.groups.keys.select("group", "key"), on=["group", "key"])
        .join(keys, on="key")
        .with_columns(
            sharers=pl.len().over("group", "key"),
            strength=(pl.col("share") * pl.col("tie")).sum().over("group", "account"),
        )
        .filter(pl.col("sharers") > 1)
    )
    graphs: Details = {}
    for (campaign,), part in shown.sort("campaign_id", "account", "key").group_by("campaign_id", maintain_order=True):
        weight = (pl.col("tie") * pl.col("share")).sum()
        heaviest = (
            part.group_by("key", "kind", "sharers").agg(weight=weight).sort("weight", "key", descending=[True, False])
        )
        accounts = part.unique("account_id").sort("strength", "account_id", descending=[True, False])["account_id"]
        top_keys, top_accounts = heaviest.head(_SHARED_KEYS), accounts.head(_NODES)
        edges = part.filter(
            pl.col("key").is_in(top_keys["key"].implode()) & pl.col("account_id").is_in(top_accounts.implode())
        )
        kinds = top_keys.with_columns(name=names.gather(top_keys["kind"]))
        graphs[str(campaign)] = {
            "graph": {
                "accounts": top_accounts.to_list(),
                "keys": [
                    {"id": row["key"], "kind": row["name"], "words": _WORDS[row["name"]], "sharers": row["sharers"]}
                    for row in kinds.to_dicts()
                ],
                "edges": edges.select("account_id", "key").rows(),
                "hidden_accounts": len(accounts) - len(top_accounts),
                "hidden_keys": len(heaviest) - len(top_keys),
            }
        }
    return graphs


def _lineage(lake: Lake, as_of: datetime) -> Details:
    """What became of a campaign's earlier groups: splits and merges, each as of when it first showed; newest first."""
    rows = lake.scan("campaign_lineage").filter((pl.col("as_of") <= as_of) & (pl.col("relation") != "continues"))
    versions = rows.select("campaign_id", "as_of", "past_id", "version", "accounts", "relation").collect()
    by_time = versions.sort("version").unique(["campaign_id", "as_of", "past_id"], keep="last").sort("as_of")
    first = by_time.unique(["campaign_id", "past_id", "relation"], keep="first", maintain_order=True).drop("version")
    ordered = first.sort("campaign_id", "as_of", "past_id", descending=[False, True, False])
    return _by_campaign(ordered.with_columns(pl.col("as_of").dt.to_string("iso:strict")), "lineage")


def _bans(lake: Lake, as_of: datetime, members: pl.DataFrame) -> Details:
    """The first ban, how many members are banned, and how many came after it."""
    seen = members.join(lake.seen(as_of), on="account_id", how="left").join(
        lake.banned(as_of), on="account_id", how="left"
    )
    first = pl.col("acted_at").min()
    rows = seen.group_by("campaign_id").agg(
        first_ban=first, banned=pl.col("acted_at").count(), successors=(pl.col("first_seen") > first).sum()
    )
    return {row["campaign_id"]: {"bans": row} for row in rows.filter(pl.col("banned") > 0).to_dicts()}


def encode_details(details: Mapping[str, dict[str, Any]]) -> pl.DataFrame:
    """`campaign_id`, `detail` as JSON."""
    rows = [(campaign, json.dumps(values, default=str, separators=(",", ":"))) for campaign, values in details.items()]
    return pl.DataFrame(rows, schema={"campaign_id": pl.String, "detail": pl.String}, orient="row")
