"""Build: features as known at a time, read out of the lake into the feature store."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from features.accounts import read_out
from features.errors import InputError
from features.progress import Progress
from pipelines.campaigns.memberships import ensure_campaigns, strongest
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
    ensure_features(workspace, [as_of], progress)
    campaigns = strongest(ensure_campaigns(workspace, as_of, progress))
    progress("features online", 0.0)
    online = workspace.lookup.materialize(as_of, now, campaigns)
    progress("features online", 1.0)
    return Built(len(workspace.lake.seen(as_of)), workspace.lake.later(as_of), online)


def ensure_features(workspace: Workspace, times: Iterable[datetime], progress: Progress) -> None:
    """Compute the features of several times into the offline store where they are missing or outdated.

    Raises:
        InputError: the lake holds no request at or before the latest of the times.
    """
    wanted = list(times)
    check_requests(workspace, max(wanted))
    stamp = workspace.lake.stamp()
    for i, as_of in enumerate(wanted):
        progress("features", i / len(wanted))
        if not workspace.lookup.holds(as_of, stamp):
            workspace.lookup.write(read_out(workspace.lake, as_of), as_of, stamp)
    progress("features", 1.0)


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
