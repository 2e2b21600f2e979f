"""Campaign memberships as of a time: computed once, given lasting ids, and stored in the lake."""

import hashlib
from datetime import datetime

import polars as pl

from features.code_version import code_version
from features.groups.grouping import Groups
from features.groups.links import Links
from features.groups.members import group_lake, name_members
from features.lake import Lake
from features.progress import Progress
from pipelines.workspace import Workspace
from training.examples.dataset import IN_CAMPAIGN

MEMBERS_SCHEMA = pl.Schema({"campaign_id": pl.String(), "account_id": pl.String(), "membership": pl.Float64()})
_MEMBER_COLUMNS = (*MEMBERS_SCHEMA.names(), "ties")


def ensure_campaigns(workspace: Workspace, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Return the members of campaigns as of a time; group again only if the lake or the code has changed.

    Returns:
        `MEMBERS_SCHEMA`, and `ties`: what a member shares with the others, in an analyst's words.
    """
    members, stored_answer = _stored(workspace.lake, as_of), _stored_answer(workspace.lake, as_of)
    if stored_answer is None or stored_answer[1] != _stamp(workspace.lake):
        progress("campaigns", 0.0)
        members = store_members(workspace.lake, as_of, *group_lake(workspace.lake, as_of))
        progress("campaigns", 1.0)
    return members.select(_MEMBER_COLUMNS).sort("campaign_id", "account_id")


def strongest(members: pl.DataFrame) -> pl.DataFrame:
    """Pick the campaign that each account belongs to most: `account_id`, `campaign_id`, `ties`."""
    first = members.sort("membership", "campaign_id", descending=[True, False])
    return first.unique("account_id", keep="first", maintain_order=True).select("account_id", "campaign_id", "ties")


def with_in_campaign(workspace: Workspace, examples: pl.DataFrame, progress: Progress) -> pl.DataFrame:
    """Add the column `training.examples.dataset.IN_CAMPAIGN`: true where the account was in a campaign at that time."""
    times = examples["as_of"].unique().sort()  # earliest first, so that ids last
    members = [ensure_campaigns(workspace, time, progress).select("account_id", as_of=_at(time)) for time in times]
    nobody = examples.select("account_id", "as_of").clear()
    in_campaign = pl.concat([nobody, *members]).unique().with_columns(pl.lit(True).alias(IN_CAMPAIGN))
    joined = examples.join(in_campaign, on=["account_id", "as_of"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(IN_CAMPAIGN).fill_null(False))


def store_members(lake: Lake, as_of: datetime, account_links: Links, groups: Groups) -> pl.DataFrame:
    """Give the campaigns lasting ids, and store their members unless the same answer is stored already.

    Returns:
        One row per member, with `group`, `campaign_id` and `ties`, sorted by campaign and account.
    """
    stored_answer, stamp = _stored_answer(lake, as_of), _stamp(lake)
    members, lineage = name_members(account_links, groups, _past(lake, as_of))
    if stored_answer and stored_answer[1] == stamp:
        return members
    version = stored_answer[0] + 1 if stored_answer else 0
    stamped = [_at(as_of).alias("as_of"), pl.lit(version, pl.Int64).alias("version")]
    source = int(hashlib.sha256(f"{as_of.isoformat()} {version} {stamp}".encode()).hexdigest()[:15], 16)
    lake.append("campaign_lineage", [lineage.with_columns(stamped)], source)
    lake.append("campaigns", [members.with_columns(*stamped, pl.lit(stamp).alias("stamp"))], source)
    lake.append("campaign_answers", [pl.select(*stamped, pl.lit(stamp).alias("stamp"))], source)
    return members


def _at(time: datetime) -> pl.Expr:
    return pl.lit(time).cast(pl.Datetime("us", "UTC"))


def _stamp(lake: Lake) -> str:
    """Identify the lake's content and the code that groups; campaigns under another stamp are grouped again."""
    return f"{lake.stamp('enforcement')}/{code_version('features.groups.members')}"


def _newest(lake: Lake, as_of: datetime) -> pl.LazyFrame:
    """Select `as_of`, `version` and `stamp` of the newest answer for each time up to as_of."""
    header = ("as_of", "version", "stamp")
    answers = pl.concat([lake.scan(table).select(header) for table in ("campaign_answers", "campaigns")]).unique()
    earlier = answers.filter(pl.col("as_of") <= as_of)
    return earlier.filter(pl.col("version") == pl.col("version").max().over("as_of"))


def _stored_answer(lake: Lake, as_of: datetime) -> tuple[int, str] | None:
    """Version and stamp of the newest answer for exactly this time, also if it was that there are no campaigns."""
    rows = _newest(lake, as_of).filter(pl.col("as_of") == as_of).select("version", "stamp").collect().rows()
    return rows[0] if rows else None


def _stored(lake: Lake, as_of: datetime) -> pl.DataFrame:
    rows = lake.scan("campaigns").filter(pl.col("as_of") == as_of)
    return rows.join(_newest(lake, as_of), on=["as_of", "version", "stamp"], how="semi").collect()


def _past(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """The members of each campaign when it was last reported: `campaign_id`, `account_id`, `is_now` (as of now).

    A campaign that was below the threshold for a day so gets its old id back.
    """
    rows = (
        lake.scan("campaigns").filter(pl.col("as_of") <= as_of).select("as_of", "version", "campaign_id", "account_id")
    )
    newest = rows.join(_newest(lake, as_of), on=["as_of", "version"], how="semi").collect()
    last = newest.filter(pl.col("as_of") == pl.col("as_of").max().over("campaign_id"))
    return last.select("campaign_id", "account_id", is_now=pl.col("as_of") == as_of)
