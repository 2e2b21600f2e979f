"""What an evidence file says of a campaign: a plain value that each writer renders."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from features.campaign_report.figures import CampaignFigures
from features.campaign_report.shared_keys import SharedKeys
from features.groups.link_kinds import LINK_KINDS
from training.evaluation.report import Report
from training.reports.campaign.atlas import Technique, techniques
from training.reports.text import word_risk

_TEMPLATES = [kind.name for kind in LINK_KINDS if kind.evidence == "template"]
_NETWORKS = ("address", "subnet")  # that requests come through, as through a proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The model that scored the members, as the registry has it.

    Attributes:
        version: of the model.
        trained_as_of: the time that it was trained as of.
        counts: what it was trained and judged on, such as `train_accounts`.
        report: how it was judged.
        thresholds: risks by name: `review` and `act`.
    """

    version: str
    trained_as_of: str
    counts: Mapping[str, int]
    report: Report
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReport:
    """All that an evidence file shows. It names accounts by pseudonym only.

    Attributes:
        author: who reports.
        created_at: when.
        release: of stillwatch.
        figures: what the members did; `members` of it is not shown.
        shared: what they share.
        accounts: one row a member, the most requests first: `account` (pseudonym), `plan`, `registered`, `first_seen`,
            `last_seen`, `requests`, `tokens`, `membership`, `risk` (null without a model), `banned_at`.
        indicators: `signal`, `accounts`: what raised the risk of how many members, most first.
        mean_risk: of the members; None without a model.
        log_odds, surprise: of the group (`features.groups.evidence`).
        banned, successors: members that were banned, and that came after the first ban.
        volume_kept: requests in three days after the first ban over those in three days before, if known.
        method: None where no model scored the members.
        limits: what a reader must know, one sentence each.
    """

    author: str
    created_at: datetime
    release: str
    figures: CampaignFigures
    shared: SharedKeys
    accounts: pl.DataFrame
    indicators: pl.DataFrame
    mean_risk: float | None
    log_odds: float
    surprise: float
    banned: int
    successors: int
    volume_kept: float | None
    method: Method | None
    limits: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """The number of members."""
        return self.accounts.height

    @property
    def title(self) -> str:
        """One line that names it."""
        return f"Distillation campaign {self.figures.campaign_id.removeprefix('campaign_')}"

    @property
    def techniques(self) -> tuple[Technique, ...]:
        """The techniques of ATLAS that the campaign shows."""
        kinds = set(self.shared.table["kind"])
        return techniques(has_templates=not kinds.isdisjoint(_TEMPLATES), has_networks=not kinds.isdisjoint(_NETWORKS))

    def uuid(self, what: str) -> str:
        """A UUID of something in the report: the same for the same campaign, time and thing."""
        return uuid_of(f"{self.figures.campaign_id} {self.figures.as_of.isoformat()} {what}")

    @property
    def summary(self) -> str:
        """The campaign in a few sentences."""
        figures = self.figures
        days = (figures.last_seen.date() - figures.first_seen.date()).days + 1
        risk = "" if self.mean_risk is None else f" Their mean risk is {word_risk(self.mean_risk)}."
        banned = f" {self.banned:,} of them are banned." if self.banned else ""
        return (
            f"{self.size:,} accounts act together. From {figures.first_seen:%Y-%m-%d} to {figures.last_seen:%Y-%m-%d} "
            f"({days:,} days) they sent {figures.requests:,} requests with {figures.tokens:,} tokens.{risk}{banned}"
        )


def uuid_of(name: str) -> str:
    """A UUID that follows from a name; in the form of version 4, which STIX wants of objects like these."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"stillwatch {name}".encode()).digest()[:16], version=4))


COMPUTED = (
    (
        "Accounts",
        "Members of the group that grouping found without labels: accounts that share rare keys. An account that has "
        "fallen silent is a member if it was one in its last active week.",
    ),
    ("First and last request", "The hours (UTC) of the first and the last request of any member in the log."),
    (
        "Requests and tokens",
        "All requests of all members from the first one to the time asked about, also those that show nothing of the "
        "campaign, and input and output tokens of these requests together. Requests that failed are among them.",
    ),
    ("Daily volume", "The same requests by day (UTC); the days add up to the totals."),
    (
        "Targets and languages",
        "What the words of each prompt ask for, and its language, decided when it was taken in; the text was dropped "
        "then. Requests without a text are in neither table.",
    ),
    ("Models", "Requests by the model asked for; they add up to the total. A pseudonym stands for a name not given."),
    (
        "Moves to new models",
        "Of each model released in the span: members that used it within a day and a week, and its share of all "
        "requests of the members in that week, from the hour of the release.",
    ),
    (
        "Shared keys",
        "Keyed hashes of addresses, instruments, clients and of parts of prompts that tie the members of the last 28 "
        "days. Of each: the members that showed it, the hours and the requests, over the whole span; of hours of "
        "registration and of moving to a new model, the members of the last 28 days.",
    ),
    ("Risk", "The calibrated probability that an account takes part in a campaign, as `stillwatch score` gives it."),
    (
        "Log-odds",
        "How much more the group acts like a campaign than like a crowd of customers, as a natural logarithm; a group "
        "is reported from 1 on.",
    ),
    (
        "Accounts that came after the first ban",
        "Members whose first request is later than the first ban of a member. Volume kept: requests in the three days "
        "after that ban over those in the three days before.",
    ),
)
"""How each figure was computed."""
