"""Build: features as known at a time, read out of the lake into the feature store."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.catalogue import FEATURES_SCHEMA
from features.errors import InputError
from features.progress import Progress, report_part
from features.store.last_active import active_times, earlier_week_ends
from pipelines.campaigns.lifts import lift_accounts
from pipelines.models.champion import current_champion
from pipelines.shards.read_outs import read_out_shards
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Built:
    """What a build did.

    Attributes:
        accounts: how many accounts had sent a request by the time asked about.
        later: rows of each table that lie after that time and were left out.
        online: True if the online store now holds the features of that time; False if it holds later ones.
    """

    accounts: int
    later: dict[str, int]
    online: bool


def build(workspace: Workspace, as_of: datetime, progress: Progress, *, now: datetime) -> Built:
    """Compute the features as of a time and bring them online.

    Args:
        workspace: the workspace to build in.
        as_of: the time asked about.
        progress: called with the step and the share done.
        now: the clock (see `FeatureLookup.materialize`).

    Raises:
        InputError: the lake holds no request at or before as_of.
    """
    workspace = workspace.named_at(as_of)
    online = bring_online(workspace, as_of, progress, now=now)
    return Built(len(workspace.lake.seen(as_of)), workspace.lake.later(as_of), online)


def bring_online(workspace: Workspace, as_of: datetime, progress: Progress, *, now: datetime) -> bool:
    """Bring the features of a time online, with what the champion of now makes of the groups.

    Returns:
        False if the online store holds a later time, and was left as it is.
    """
    workspace = workspace.named_at(as_of)
    ensure_features(workspace, [as_of], progress)
    lifts = lift_accounts(workspace, current_champion(workspace), as_of, progress)
    progress("features online", 0.0)
    online = workspace.lookup.materialize(as_of, now, lifts, workspace.lake.names(as_of))
    progress("features online", 1.0)
    return online


def refresh_online(workspace: Workspace, progress: Progress, *, now: datetime) -> None:
    """Bring what is online up to date with the champion, after another model has become it."""
    newest = workspace.lookup.materialized()
    if newest is not None:
        bring_online(workspace, newest, progress, now=now)


def ensure_features(workspace: Workspace, times: Iterable[datetime], progress: Progress) -> None:
    """Compute the features of several times into the offline store where they are missing or outdated.

    Accounts that have fallen silent are read out as of their last active week (`features.store.last_active`), so the
    ends of all weeks before are computed too, each once. Accounts have the ids of the latest time in all of them.

    Raises:
        InputError: the lake holds no request at or before the latest of the times.
    """
    wanted = sorted(set(times))
    workspace = workspace.named_at(wanted[-1])
    check_requests(workspace, wanted[-1])
    lake, lookup = workspace.lake, workspace.lookup
    all_times = sorted({*wanted, *earlier_week_ends(lake.seen(wanted[-1]), wanted[-1])})
    for i, as_of in enumerate(all_times):
        progress("features", i / len(all_times))
        stamp = lake.stamp(as_of)
        if not lookup.holds(as_of, stamp):
            report = report_part(progress, "features", i, len(all_times))
            features = read_out_shards(workspace.engine, lake, as_of, workspace.scratch, report)
            lookup.write(_lasting(workspace, features, as_of), as_of, stamp)
    progress("features", 1.0)


def _lasting(workspace: Workspace, features: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Put what silent accounts showed at the end of their last active week in the place of their empty windows."""
    times = active_times(workspace.lake.seen(as_of), as_of).filter(pl.col("active_at") < as_of)
    awake = features.join(times, on="account_id", how="anti")
    silent = [
        workspace.lookup.read(time).join(accounts, on="account_id", how="semi")
        for (time,), accounts in sorted(times.group_by("active_at"))
    ]
    stamped = pl.concat([awake, *silent]).with_columns(as_of=pl.lit(as_of).cast(FEATURES_SCHEMA["as_of"]))
    return stamped.sort("account_id")


def check_requests(workspace: Workspace, as_of: datetime) -> None:
    """Roll up what a killed run left, and check that there are requests at or before a time.

    Raises:
        InputError: there are none.
    """
    workspace.lake.catch_up()
    if not len(workspace.lake.seen(as_of)):
        raise InputError(
            f"{workspace.root} holds no request at or before {as_of:%Y-%m-%dT%H:%M:%SZ}: run "
            "`stillwatch ingest --requests PATH`, or ask about a later time."
        )
