"""What a campaign can vary (tactics, which combine with any family), and a campaign made of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulation.cohorts.base import PLANS, refuse_access, refuse_unknown
from simulation.traffic.infrastructure import NETWORKS


def _ordinary() -> Mapping[str, float]:
    return {"developers": 0.5, "hobbyists": 0.2, "chat": 0.3}


@dataclass(frozen=True, slots=True)
class Tactics:
    """How a campaign acts. Days count from the start of the world; rates are requests per account and day."""

    accounts: int = 30
    # a day's mean of four accounts of five lies between (log-normal); 13 to 46 in disclosed campaigns
    per_day: tuple[float, float] = (13.0, 46.0)
    requests: int | None = None  # of all its accounts together; None: what `per_day` comes to
    days: tuple[float, float] = (0.15, 0.95)  # begin and end, shares of the world's length
    stay: float = 0.8  # share of the campaign for which an account serves, on average
    cover: float = 0.3  # share of unrelated requests, written as the disguise would; on average, accounts differ
    strangers: int = 1  # unrelated people, of any cohort, whose texts an account's cover is; 1: one, of the disguise
    past: float = 1.0  # factor on what accounts with a past send outside their service
    human: float = 0.5  # share of accounts that keep the hours and sessions of their disguise
    synchrony: float = 0.0  # share of the sittings that begin in the same five minutes as those of the other accounts
    even: float = 0.0  # how evenly the load is spread over the accounts: 0 as `per_day` says, 1 the same for all
    ramp: float = 1.5  # days from first request to full rate
    versions: int = 3  # wordings of the template
    rotation: str = "account"  # who changes the wording: account | day | request
    dealt: bool = False  # whether one queue feeds all accounts: then nobody's habits show in the campaign's requests
    networks: Mapping[str, float] | None = None  # None: those of the disguise
    rotates: float | None = None  # share of accounts with new addresses every day; None: as the disguise
    pooled: float = 0.0  # share of accounts that use the campaign's own few addresses, which lie in one country
    payment: float = 0.3  # share of accounts that pay with one of the campaign's shared instruments
    instrument: int = 5  # accounts for each of them
    aged: float = 0.4  # share of accounts with an ordinary past
    signups: int = 4  # moments at which the others sign up, before they serve
    burst: float = 8.0  # hours that each of these takes
    disguises: Mapping[str, float] = field(default_factory=_ordinary)  # cohorts whose plans, clients, hours they copy
    plans: Mapping[str, float] | None = None  # None: those of the disguise
    access: Mapping[str, float] | None = None  # "channel client"; None: as the disguise
    pivot: float = 0.2  # chance that an account moves to a new model on its first day
    retreat: tuple[float, float] = (1.0, 0.0)  # share of the world after which a weaker model, share of accounts
    purge: float | None = None  # share of the world's length at which its whole pool is banned
    second_pool: int = 0  # accounts that take over then
    second_per_day: tuple[float, float] | None = None  # their rate; None: as the first pool's
    guest_of: str = ""  # campaign on whose accounts this one runs: it has none of its own
    guest_share: float = 0.5  # share of the service that is the guest's
    probes: tuple[float, float] = (0.0, 0.0)  # hours between quality probes, share of accounts that send them
    blank: tuple[float, float] = (1.0, 0.0)  # share of the world after which metadata is missing, share of accounts
    seeds: int = 20_000  # different task seeds that its accounts share
    shared: float = 0.1  # share of the requests whose seed is one of those; the others' nobody else sends
    labelled: float = 0.7  # share of accounts that an investigator finds
    found_after: float = 5.0  # days from the campaign's begin to the first labels, in a world of the scenario's length
    banned: float = 0.35  # share of the found accounts that are banned
    replaced: float = 0.0  # share of the banned whose load a new account of the pool takes over at once

    def __post_init__(self) -> None:
        """Raise ValueError for misspelt words."""
        refuse_unknown("tactics", "rotation", [self.rotation], ("account", "day", "request"))
        refuse_unknown("tactics", "plans", self.plans or (), PLANS)
        refuse_unknown("tactics", "networks", self.networks or (), NETWORKS)
        refuse_access("tactics", self.access or ())


@dataclass(frozen=True, slots=True)
class Campaign:
    """A family of prompts, sent with tactics."""

    name: str
    family: str
    tactics: Tactics = field(default_factory=Tactics)
