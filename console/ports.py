"""What the console asks of the rest of the house; the pipelines give it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class AuditTrail(Protocol):
    """The audit log (`serving.access.audit.AuditLog`)."""

    def pseudonym(self, account_id: str) -> str:
        """Name an account so that only who knows its id can look for it."""

    def append(self, event: str, actor: str, now: datetime, **details: object) -> None:
        """Append an entry, which is durable when this returns."""


@dataclass(frozen=True)
class JudgedAccount:
    """What a decision says of one account, for the lake.

    Attributes:
        account_id: the account.
        label: whether it takes part in a campaign; None says nothing (it is only watched, or only enforced).
        campaign: name of the confirmed campaign.
        action: enforcement: "ban", "throttle" or "restore"; None for none.
    """

    account_id: str
    label: bool | None
    campaign: str | None = None
    action: str | None = None


class DecisionSink(Protocol):
    """The lake's side of a decision."""

    def store(self, event_id: str, judged: Sequence[JudgedAccount], decided_at: datetime) -> bool:
        """Store labels and enforcement; False while another command holds the workspace. Safe to repeat."""


@dataclass(frozen=True)
class AlikeAccount:
    """An account like the one asked about.

    Attributes:
        account_id: the account.
        probability: of one operator.
        reasons: why, the heaviest first.
    """

    account_id: str
    probability: float
    reasons: Sequence[str]


class AlikeFinder(Protocol):
    """The function behind `stillwatch similar`."""

    def find(self, accounts: Sequence[str], most: int) -> list[AlikeAccount] | None:
        """Find the accounts most like some; None while another command holds the workspace."""


@dataclass(frozen=True)
class WebhookTarget:
    """Where decisions are told.

    Attributes:
        url: of the platform.
        secret: of the signatures.
    """

    url: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class SignOn:
    """An OpenID Connect provider.

    Attributes:
        issuer: its address, as its tokens name it.
        client_id, client_secret: what it knows the console by.
        back: the console's own address of `/sign-on/back`, as it is registered there.
        claim: the claim that is the user's name here.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    back: str
    claim: str = "preferred_username"
