"""Memberships: who is in which campaign as of a time, grouped once, named to last, and kept in the lake."""

import hashlib
from datetime import datetime

import polars as pl

from features.code_version import code_version
from features.groups.campaign_ids import assign_ids
from features.groups.grouping import Groups, group_accounts
from features.groups.links import LINK_KINDS, Links, read_links
from features.lake import Lake
from features.progress import Progress
from pipelines.workspace import Workspace
from training.examples.dataset import IN_CAMPAIGN

MEMBERS_SCHEMA = pl.Schema({"campaign_id": pl.String(), "account_id": pl.String(), "membership": pl.Float64()})
_TOLD = (*MEMBERS_SCHEMA.names(), "ties")
_KINDS = 3  # of shared keys that are told of a member
_SEED = 0  # of the grouping: another one gives another answer to the same question


def grouped(lake: Lake, as_of: datetime) -> tuple[Links, Groups]:
    """What ties the accounts as of a time, and the campaigns among them."""
    tied = read_links(lake, as_of)
    return tied, group_accounts(tied, _SEED).campaigns()


def ensure_campaigns(workspace: Workspace, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """The members of campaigns as of a time, grouped anew only if the lake holds more since.

    Returns:
        `MEMBERS_SCHEMA`, and `ties`: what a member shares with the others, in an analyst's words.
    """
    told, before = _stored(workspace.lake, as_of), _answered(workspace.lake, as_of)
    if before is None or before[1] != _stamp(workspace.lake):
        progress("campaigns", 0.0)
        told = told_of(workspace.lake, as_of, *grouped(workspace.lake, as_of))
        progress("campaigns", 1.0)
    return told.select(_TOLD).sort("campaign_id", "account_id")


def strongest(members: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `campaign_id`, `ties`: of each account in campaigns the one it belongs to most."""
    first = members.sort("membership", "campaign_id", descending=[True, False])
    return first.unique("account_id", keep="first", maintain_order=True).select("account_id", "campaign_id", "ties")


def with_in_campaign(workspace: Workspace, examples: pl.DataFrame, progress: Progress) -> pl.DataFrame:
    """Add the column `training.examples.dataset.IN_CAMPAIGN`: was the account in a campaign at the time of its row?"""
    times = examples["as_of"].unique().sort()  # earliest first, so that ids last
    told = [ensure_campaigns(workspace, time, progress).select("account_id", as_of=_at(time)) for time in times]
    none = examples.select("account_id", "as_of").clear()
    grouped = pl.concat([none, *told]).unique().with_columns(pl.lit(True).alias(IN_CAMPAIGN))
    joined = examples.join(grouped, on=["account_id", "as_of"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(IN_CAMPAIGN).fill_null(False))


def told_of(lake: Lake, as_of: datetime, tied: Links, found: Groups) -> pl.DataFrame:
    """The members under lasting ids (with `group`), which are stored unless this very answer is there."""
    accounts = tied.accounts.select("account_id", "created_at").with_row_index("account")
    members = found.members.join(accounts, on="account", maintain_order="left")
    before, stamp = _answered(lake, as_of), _stamp(lake)
    names = assign_ids(members, _past(lake, as_of))
    words = _words(evidence_of(tied, found))
    named_members = members.join(names.ids, on="group").join(words, on=["group", "account"], how="left")
    told = named_members.with_columns(pl.col("ties").fill_null("")).sort("campaign_id", "account_id")
    if before and before[1] == stamp:
        return told
    version = before[0] + 1 if before else 0
    stamped = [_at(as_of).alias("as_of"), pl.lit(version, pl.Int64).alias("version")]
    source = int(hashlib.sha256(f"{as_of.isoformat()} {version} {stamp}".encode()).hexdigest()[:15], 16)
    lake.append("campaign_lineage", [names.lineage.with_columns(stamped)], source)
    lake.append("campaigns", [told.with_columns(*stamped, pl.lit(stamp).alias("stamp"))], source)
    lake.append("campaign_answers", [pl.select(*stamped, pl.lit(stamp).alias("stamp"))], source)
    return told


def evidence_of(tied: Links, found: Groups) -> pl.DataFrame:
    """What ties each account to its group, one row per `group`, `account`, `kind` (position in `LINK_KINDS`).

    `keys`: how many of the group's keys it shows; `others`: the most other members that show one of them; `weight`:
    share of its traffic times tie, added. Sorted by group and account, the heaviest kind first.
    """
    known = tied.keys.select("tie", "kind").with_row_index("key")
    shown = (
        found.members.select("group", "account")
        .join(tied.pairs, on="account")
        .join(found.keys.select("group", "key"), on=["group", "key"])
        .join(known, on="key")
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
    """`group`, `account`, `ties`: `openings of prompts (12 keys, up to 61 accounts), subnets (1 key, ...)`."""
    names = {code: kind.words for code, kind in enumerate(LINK_KINDS)}
    counts = [
        pl.format("{} {}", count, pl.when(pl.col(count) == 1).then(pl.lit(one)).otherwise(pl.lit(f"{one}s")))
        for count, one in (("keys", "key"), ("others", "account"))
    ]
    kind = pl.col("kind").replace_strict(names, return_dtype=pl.String)
    return evidence.group_by("group", "account", maintain_order=True).agg(
        ties=pl.format("{} ({}, up to {})", kind, *counts).head(_KINDS).str.join(", ")
    )


def _at(time: datetime) -> pl.Expr:
    return pl.lit(time).cast(pl.Datetime("us", "UTC"))


def _stamp(lake: Lake) -> str:
    """Of the lake and of the code that groups: what other code has grouped is grouped again."""
    return f"{lake.stamp('enforcement')}/{code_version('features.groups.grouping')}"


def _newest(lake: Lake, as_of: datetime) -> pl.LazyFrame:
    """`as_of`, `version`, `stamp` of the newest answer of each time up to as_of; nothing later is in it."""
    header = ("as_of", "version", "stamp")
    answers = pl.concat([lake.scan(table).select(header) for table in ("campaign_answers", "campaigns")]).unique()
    known = answers.filter(pl.col("as_of") <= as_of)
    return known.filter(pl.col("version") == pl.col("version").max().over("as_of"))


def _answered(lake: Lake, as_of: datetime) -> tuple[int, str] | None:
    """Version and stamp of what was told as of this very time, also if it was that there are none."""
    rows = _newest(lake, as_of).filter(pl.col("as_of") == as_of).select("version", "stamp").collect().rows()
    return rows[0] if rows else None


def _stored(lake: Lake, as_of: datetime) -> pl.DataFrame:
    rows = lake.scan("campaigns").filter(pl.col("as_of") == as_of)
    return rows.join(_newest(lake, as_of), on=["as_of", "version", "stamp"], how="semi").collect()


def _past(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`campaign_id`, `account_id`, `is_now`: the members of each campaign when it was last told, and if as of now.

    One that was below the threshold for a day comes back.
    """
    rows = (
        lake.scan("campaigns").filter(pl.col("as_of") <= as_of).select("as_of", "version", "campaign_id", "account_id")
    )
    told = rows.join(_newest(lake, as_of), on=["as_of", "version"], how="semi").collect()
    last = told.filter(pl.col("as_of") == pl.col("as_of").max().over("campaign_id"))
    return last.select("campaign_id", "account_id", is_now=pl.col("as_of") == as_of)
