"""What a build is pictured by: frames that the pipelines gather, and the database takes as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.text import CAPABILITIES

ACCOUNT_COLUMNS = tuple(
    "account_id risk percentile level campaign_id plan used_for created_at first_seen last_seen requests "
    "recent_requests tokens label label_campaign banned_at indicators detail".split()
)
CAMPAIGN_COLUMNS = tuple(
    "campaign_id accounts requests tokens risk odds first_seen last_seen reported_since banned detail".split()
)
MEMBER_COLUMNS = ("campaign_id", "account_id", "membership", "ties", "joined_at")
POINT_COLUMNS = ("account_id", "as_of", "risk")
USES = ("tools", *CAPABILITIES, "mixed", "none of these", "no text")
"""Cohorts of use: calls with tools, what at least half of the prompts ask for, or why neither can be said."""

LEAST_RISK = 0.01
"""Risks below are not kept of past builds, so that no threshold below is told about them. Ten times less would keep
most accounts of each build; ten times more, no threshold below usual ones could be tried."""


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
        points: `POINT_COLUMNS`: risks at the build and some times before it, of all accounts from `LEAST_RISK` on.
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
