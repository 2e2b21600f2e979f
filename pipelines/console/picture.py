"""The picture of the last build for the console: scores, campaigns, traffic and labels, gathered from the lake."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from console.picture.frames import ACCOUNT_COLUMNS, CAMPAIGN_COLUMNS, LEAST_RISK, MEMBER_COLUMNS, BuildPicture
from features.errors import InputError
from features.groups.members import WeighedGroups, group_lake
from features.progress import Progress
from features.store.last_active import earlier_week_ends
from pipelines.build import check_requests
from pipelines.campaigns.lifts import judge_groups, lasting_members, lift_accounts
from pipelines.campaigns.memberships import ensure_groups, store_members
from pipelines.console.account_details import describe_keys, describe_traffic
from pipelines.console.account_uses import add_typical_of_use, describe_use
from pipelines.console.campaign_details import describe_campaigns, encode_details
from pipelines.models.champion import champion_model
from pipelines.score import score
from pipelines.settings import settings
from pipelines.workspace import Workspace
from training import tracking
from training.examples.dataset import matrix
from training.models.model import Model

_EARLIER = 3  # times before the build at which risks are told, the newest; each costs some 5 s of processor time
_RULED_OUT = 200  # groups listed that look like campaigns and are not reported, the likeliest first
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class PictureSource:
    """What a picture would be made from now.

    Attributes:
        as_of: of the last build.
        version: of the champion.
        stamp: of both, the lake and the thresholds.
    """

    as_of: datetime
    version: int
    stamp: str


def picture_source(workspace: Workspace) -> PictureSource:
    """Tell of what build and champion a picture would be.

    Raises:
        InputError: there is no build or no champion yet.
    """
    as_of, version = workspace.lookup.materialized(), tracking.champion_version(workspace.tracking_uri)
    if as_of is None or version is None:
        raise InputError(
            f"{workspace.root} has no {'build' if as_of is None else 'champion'}: run `stillwatch retrain`."
        )
    current, lake = settings(), workspace.named_at(as_of).lake
    limits = f"{current.base_rate} {current.review_threshold} {current.act_threshold}"
    parts = (lake.stamp(as_of, "enforcement"), as_of.isoformat(), str(version), limits)
    return PictureSource(as_of, version, hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32])


def gather_picture(workspace: Workspace, scratch: Path, progress: Progress) -> BuildPicture:
    """Score, group and describe all accounts as of the last build.

    Args:
        workspace: held by the caller.
        scratch: a folder for drafts.
        progress: called with the step and the share done.

    Raises:
        InputError: there is no build or no champion yet.
    """
    source = picture_source(workspace)
    as_of, workspace = source.as_of, workspace.named_at(source.as_of)
    check_requests(workspace, as_of)
    model = _model(workspace)
    scores = score(workspace, as_of, scratch / "scores.parquet", progress)
    progress("picture", 0.0)
    for time in earlier_week_ends(workspace.lake.seen(as_of), as_of):
        ensure_groups(workspace, time, progress)
    weighed = group_lake(workspace.lake, as_of)
    judged = judge_groups(workspace, model, store_members(workspace.lake, as_of, weighed), as_of)
    members = _members(workspace, as_of, judged, lasting_members(workspace, model, as_of, progress))
    progress("picture", 0.3)
    accounts = _accounts(workspace, as_of, scores)
    progress("picture", 0.6)
    campaigns = _campaigns(workspace, as_of, weighed, members, accounts)
    progress("picture", 0.8)
    picture = BuildPicture(
        as_of=as_of,
        stamp=source.stamp,
        model_version=str(source.version),
        thresholds=(model.thresholds["review"], model.thresholds["act"]),
        accounts=accounts.select(ACCOUNT_COLUMNS),
        campaigns=campaigns.select(CAMPAIGN_COLUMNS),
        members=members.select(MEMBER_COLUMNS),
        points=_points(workspace, as_of, model, scores),
        summary={"ruled_out": _ruled_out(judged), "releases": _releases(workspace, as_of)},
    )
    progress("picture", 1.0)
    return picture


def _model(workspace: Workspace) -> Model:
    model, current = champion_model(workspace, is_current=True), settings()
    model = model if current.base_rate is None else model.at(current.base_rate)
    return model.with_thresholds(*current.thresholds(None, None))


def _accounts(workspace: Workspace, as_of: datetime, scores: pl.DataFrame) -> pl.DataFrame:
    lake = workspace.lake
    labels_by_then = lake.scan_named("labels", as_of).filter(pl.col("labelled_at") <= as_of).collect()
    labels = labels_by_then.sort("labelled_at").unique("account_id", keep="last")
    registered = lake.accounts(as_of).select("account_id", "plan", "created_at")
    joined = (
        scores.join(lake.seen(as_of), on="account_id", how="left")
        .join(registered, on="account_id", how="left")
        .join(labels.select("account_id", "label", label_campaign="campaign"), on="account_id", how="left")
        .join(lake.banned(as_of).rename({"acted_at": "banned_at"}), on="account_id", how="left")
        .join(describe_traffic(lake, as_of), on="account_id", how="left")
        .join(describe_keys(lake, as_of), on="account_id", how="left")
        .join(describe_use(lake, as_of), on="account_id", how="left")
    )
    compared = add_typical_of_use(joined, workspace.lookup.read(as_of))
    return compared.with_columns(
        pl.col("requests", "recent_requests").fill_null(0),
        pl.col("tokens").fill_null(0.0),
        indicators=pl.struct("indicators").struct.json_encode(),
        detail=pl.struct("traffic", "shown").struct.json_encode(),
    )


def _members(workspace: Workspace, as_of: datetime, judged: pl.DataFrame, lasting: pl.DataFrame) -> pl.DataFrame:
    """Members of reported campaigns, also those that have fallen silent, with what they shared when last active."""
    columns = ("campaign_id", "account_id", "membership", "ties")
    present = judged.filter("is_reported").select(*columns, "group", "account", "odds")
    silent = lasting.select(columns).join(present, on=["campaign_id", "account_id"], how="anti")
    joined = workspace.lake.scan_named("campaigns", as_of).filter(pl.col("as_of") <= as_of)
    since = joined.group_by("campaign_id", "account_id").agg(joined_at=pl.col("as_of").min()).collect()
    both = pl.concat([present, silent], how="diagonal")
    return both.join(since, on=["campaign_id", "account_id"], how="left").sort("campaign_id", "account_id")


def _campaigns(
    workspace: Workspace, as_of: datetime, weighed: WeighedGroups, members: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    details = encode_details(describe_campaigns(workspace.lake, as_of, weighed, members))
    described = members.join(
        accounts.select("account_id", "risk", "requests", "tokens", "first_seen", "last_seen", "banned_at"),
        on="account_id",
    )
    sums = described.group_by("campaign_id").agg(
        accounts=pl.len(),
        requests=pl.col("requests").sum(),
        tokens=pl.col("tokens").sum(),
        risk=pl.col("risk").mean(),
        odds=pl.col("odds").max(),  # of the group; members that have fallen silent have none
        first_seen=pl.col("first_seen").min(),
        last_seen=pl.col("last_seen").max(),
        reported_since=pl.col("joined_at").min(),
        banned=pl.col("banned_at").count(),
    )
    return sums.join(details, on="campaign_id", how="left").sort("campaign_id")


def _points(workspace: Workspace, as_of: datetime, model: Model, scores: pl.DataFrame) -> pl.DataFrame:
    """Risks from `LEAST_RISK` on as of the build and some times before it, of accounts flagged now all risks."""
    flagged = scores.filter(pl.col("campaign_id").is_not_null() | (pl.col("level") != "low"))["account_id"]
    is_told = (pl.col("risk") >= LEAST_RISK) | pl.col("account_id").is_in(flagged.implode())
    parts = [scores.filter(is_told).select("account_id", pl.lit(as_of).cast(_TIME).alias("as_of"), "risk")]
    for time in _earlier_times(workspace, as_of):
        features = workspace.lookup.read(time).sort("account_id")
        lifts = lift_accounts(workspace, model, time, _silently).select("account_id", "lift")
        rows = features.join(lifts, on="account_id", how="left", maintain_order="left")
        risks = model.predict(matrix(rows, model.features), rows["lift"].fill_null(0.0).to_numpy())
        stamp = pl.lit(time).cast(_TIME).alias("as_of")
        parts.append(rows.select("account_id", stamp, risk=pl.Series(risks, dtype=pl.Float64)).filter(is_told))
    return pl.concat(parts)


def _earlier_times(workspace: Workspace, as_of: datetime) -> Iterator[datetime]:
    lookup, lake = workspace.lookup, workspace.lake
    times = sorted((time for _, time in lookup.read_outs() if time < as_of), reverse=True)[:_EARLIER]
    yield from (time for time in sorted(times) if lookup.holds(time, lake.stamp(time)))


def _ruled_out(judged: pl.DataFrame) -> list[dict[str, object]]:
    """Groups that share keys and are not reported, and why."""
    rows = (
        judged.filter(~pl.col("is_reported"))
        .group_by("campaign_id")
        .agg(pl.len().alias("accounts"), pl.col("odds", "is_crowd", "ties").first())
    )
    listed = rows.sort("odds", "campaign_id", descending=[True, False]).head(_RULED_OUT)
    return [
        row | {"why": "acted alike for a few hours only" if row.pop("is_crowd") else "odds below the reporting limit"}
        for row in listed.to_dicts()
    ]


def _releases(workspace: Workspace, as_of: datetime) -> list[dict[str, object]]:
    rows = workspace.lake.releases(as_of).sort("released_at")
    return [{"key": row["model"], "at": row["released_at"].timestamp()} for row in rows.to_dicts()]


def _silently(step: str, done: float) -> None:
    """No progress."""


@contextmanager
def held(workspace: Workspace, command: str) -> Iterator[Path | None]:
    """Hold the workspace if nobody else does, else yield None."""
    with ExitStack() as stack:
        scratch: Path | None = None
        with suppress(InputError):
            scratch = stack.enter_context(workspace.locked(command))
        yield scratch
