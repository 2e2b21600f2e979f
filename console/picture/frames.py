"""What a build is pictured by: frames that the pipelines gather, and the database takes as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

ACCOUNT_COLUMNS = tuple(
    "account_id risk percentile level campaign_id plan created_at first_seen last_seen requests recent_requests tokens "
    "label label_campaign banned_at indicators detail".split()
)
CAMPAIGN_COLUMNS = tuple(
    "campaign_id accounts requests tokens risk odds first_seen last_seen reported_since banned detail".split()
)
MEMBER_COLUMNS = ("campaign_id", "account_id", "membership", "ties", "joined_at")
POINT_COLUMNS = ("account_id", "as_of", "risk")


@dataclass(frozen=True, kw_only=True)
class BuildPicture:
    """All that pages show of one build.

    Attributes:
        as_of: of the build.
        stamp: of what it was made from; the same stamp, the same picture.
        model_version: the champion's.
        thresholds: for review and to act.
        accounts: `ACCOUNT_COLUMNS`; `indicators` and `detail` as JSON.
        campaigns: `CAMPAIGN_COLUMNS`; `detail` as JSON.
        members: `MEMBER_COLUMNS`.
        points: `POINT_COLUMNS`: risks at several times, of accounts worth a look.
        summary: further values that JSON knows.
    """

    as_of: datetime
    stamp: str
    model_version: str
    thresholds: tuple[float, float]
    accounts: pl.DataFrame
    campaigns: pl.DataFrame
    members: pl.DataFrame
    points: pl.DataFrame
    summary: Mapping[str, object]
