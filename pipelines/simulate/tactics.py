"""What a campaign can vary: the dials that any family can combine, and a campaign made of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field


def _ordinary() -> Mapping[str, float]:
    return {"developers": 0.5, "hobbyists": 0.2, "chat": 0.3}


@dataclass(frozen=True, slots=True)
class Tactics:
    """Dials. Days count from the start of the world; rates are requests an account and day."""

    accounts: int = 30
    per_day: tuple[float, float] = (
        13.0,
        46.0,
    )  # mean of each account lies between; SIGNALS, disclosed campaigns
    days: tuple[float, float] = (0.15, 0.95)  # begin and end, shares of the world's length
    stay: float = 0.8  # share of the campaign for which an account serves, on average
    cover: float = 0.3  # share of unrelated requests, written as the disguise would
    human: float = 0.5  # share of accounts that keep the hours and sessions of their disguise
    ramp: float = 1.5  # days from first request to full rate
    versions: int = 3  # wordings of the template
    rotation: str = "account"  # who changes the wording: account | day | request
    networks: Mapping[str, float] | None = None  # None: those of the disguise
    rotates: bool | None = None  # None: as the disguise does
    pooled: float = 0.0  # share of accounts that use the campaign's own few addresses
    payment: float = 0.3  # share of accounts that pay with one of the campaign's shared instruments
    instrument: int = 5  # accounts for each of them
    aged: float = 0.4  # share of accounts with an ordinary past
    burst: float = 8.0  # hours within which the others sign up
    disguises: Mapping[str, float] = field(default_factory=_ordinary)  # cohorts whose plans, clients, hours they copy
    pivot: float = 0.2  # chance that an account moves to a new model on its first day
    seeds: int = 6_000  # different task seeds
    labelled: float = 0.7  # share of accounts that an investigator finds
    found_after: float = 5.0  # days from the campaign's begin to the first labels
    banned: float = 0.35  # share of the found accounts that are banned


@dataclass(frozen=True, slots=True)
class Campaign:
    """A family carried out with tactics."""

    name: str
    family: str
    tactics: Tactics = field(default_factory=Tactics)
