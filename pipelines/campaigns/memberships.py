"""Who is in which group as of a time: computed once, given lasting ids, and stored in the lake."""

import hashlib
from datetime import datetime

import polars as pl

from features.code_version import code_version
from features.groups.evidence import GROUP_SCHEMA
from features.groups.members import WeighedGroups, group_lake, name_members
from features.lake import Lake
from features.progress import Progress
from features.store.last_active import active_times, earlier_week_ends
from features.tables.aliases import rename_accounts
from pipelines.workspace import Workspace

MEMBERS_SCHEMA = pl.Schema({"campaign_id": pl.String(), "account_id": pl.String(), "membership": pl.Float64()})
_MEMBER_COLUMNS = (*MEMBERS_SCHEMA.names(), "ties", "surprise", "odds", "closeness", "is_crowd")


def ensure_groups(workspace: Workspace, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Return the members of all groups as of a time; group again only if the lake or the code has changed.

    Returns:
        `MEMBERS_SCHEMA`; `ties`: what a member shares with the others, in an analyst's words; and what
        `features.groups` weighs: `surprise`, `odds`, `closeness`, `is_crowd`.
    """
    members, stored_answer = _stored(workspace.lake, as_of), _stored_answer(workspace.lake, as_of)
    if stored_answer is None or stored_answer[1] != _stamp(workspace.lake, as_of):
        progress("campaigns", 0.0)
        members = store_members(workspace.lake, as_of, group_lake(workspace.lake, as_of))
        progress("campaigns", 1.0)
    return members.select(_MEMBER_COLUMNS).sort("campaign_id", "account_id")


def lasting_groups(workspace: Workspace, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Return the groups as of a time, and those that accounts which have fallen silent were in when last active.

    Returns:
        The columns of `ensure_groups`; `group`, which tells the same campaign at two times apart; and `is_lifted`:
        False for those who are only there because somebody else of their group has fallen silent since.
    """
    workspace = workspace.named_at(as_of)
    seen = workspace.lake.seen(as_of)
    weekly = {time: ensure_groups(workspace, time, progress) for time in earlier_week_ends(seen, as_of)}
    now = ensure_groups(workspace, as_of, progress).with_columns(group="campaign_id", is_lifted=pl.lit(True))
    times = active_times(seen, as_of).filter(pl.col("active_at") < as_of).join(now, on="account_id", how="anti")
    parts = [now]
    for (time,), silent in sorted(times.group_by("active_at")):
        theirs = weekly[time].filter(pl.col("account_id").is_in(silent["account_id"].implode()))["campaign_id"]
        left = weekly[time].filter(pl.col("campaign_id").is_in(theirs.implode()))
        group = pl.format("{} {}", "campaign_id", pl.lit(f"{time:%Y-%m-%d}"))
        parts.append(
            left.with_columns(group=group, is_lifted=pl.col("account_id").is_in(silent["account_id"].implode()))
        )
    return pl.concat(parts).sort("group", "account_id")


def with_groups(workspace: Workspace, examples: pl.DataFrame, progress: Progress) -> pl.DataFrame:
    """Add `features.groups.evidence.GROUP_SCHEMA`: the group with the highest odds of `lasting_groups` at each time."""
    times = examples["as_of"].unique().sort()  # earliest first, so that ids last
    workspace = workspace.named_at(times[-1]) if len(times) else workspace
    kinds = {"account_id": pl.String(), "as_of": examples.schema["as_of"], **GROUP_SCHEMA}
    parts = [pl.DataFrame(schema=kinds)]
    for time in times:
        members = lasting_groups(workspace, time, progress).filter("is_lifted")
        best_first = members.sort("odds", "group", descending=[True, False])
        main = best_first.unique("account_id", keep="first", maintain_order=True)
        parts.append(main.select("account_id", _at(time).alias("as_of"), *GROUP_SCHEMA.names()))
    return examples.join(pl.concat(parts), on=["account_id", "as_of"], how="left", maintain_order="left")


def store_members(lake: Lake, as_of: datetime, weighed: WeighedGroups) -> pl.DataFrame:
    """Give the groups lasting ids, and store their members unless the same answer is stored already.

    Returns:
        See `features.groups.members.name_members`.
    """
    stored_answer, stamp = _stored_answer(lake, as_of), _stamp(lake, as_of)
    members, lineage = name_members(weighed, _past(lake, as_of))
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


def _stamp(lake: Lake, as_of: datetime) -> str:
    """Identify the lake's content and the code that groups; campaigns under another stamp are grouped again."""
    return f"{lake.stamp(as_of, 'enforcement')}/{code_version('features.groups.members')}"


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
    renamed = rename_accounts(last, lake.names(as_of))
    return renamed.select("campaign_id", "account_id", is_now=pl.col("as_of") == as_of).unique(maintain_order=True)
