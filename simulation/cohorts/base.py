"""The description of an honest cohort, and the words that it may use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simulation.constants.assumed import MODEL_NAMES
from simulation.texts.patterns import PATTERNS
from simulation.traffic.infrastructure import CLIENTS, NETWORKS
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS

PLANS = ("free", "pro", "team", "enterprise")
COMMON = ("organization", "payment", "address", "mail", "system", "hours", "assignment")
SYSTEMS = ("none", "popular", "own", "harness")
_CHANNEL = re.compile(r"api|web|(cloud|aggregator):\w+")


def refuse_unknown(owner: str, field: str, words: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise ValueError for words that the field does not allow."""
    unknown = sorted(set(words) - set(allowed))
    if unknown:
        raise ValueError(f"{owner}: {field} has {', '.join(unknown)}; allowed are {', '.join(sorted(allowed))}")


def refuse_access(owner: str, access: Iterable[str]) -> None:
    """Raise ValueError for access that is not written "channel client"."""
    for way in access:
        channel, _, client = way.partition(" ")
        if not _CHANNEL.fullmatch(channel):
            raise ValueError(
                f"{owner}: access has the channel {channel!r}; allowed are api, web, cloud:x, aggregator:x"
            )
        refuse_unknown(owner, "access", [client], [*CLIENTS, "none"])


@dataclass(frozen=True, slots=True)
class Cohort:
    """One kind of honest workload: everything that its accounts are drawn from.

    Shares are weights and need not add up to one. Rates are requests per account and active day.
    """

    name: str
    share: float  # of the honest accounts of a world that takes all cohorts
    writes: Mapping[str, float]  # kinds of text (see material.py) and their shares among the requests
    rate: tuple[float, float]  # median requests on an active day, sigma of its logarithm among accounts
    active: float  # share of the days on which an account sends at all
    rhythm: str  # key of rhythm.RHYTHMS
    lengths: str  # key of lengths.LENGTHS
    plans: Mapping[str, float]
    access: Mapping[str, float]  # "channel client": client is a key of infrastructure.CLIENTS or "none"
    networks: Mapping[str, float]  # kinds of infrastructure networks
    addresses: tuple[int, int] = (1, 3)  # addresses an account has at a time, from and to
    rotates: bool = False  # new addresses every day
    young: float = 0.15  # share of the accounts that sign up while the world runs
    team: tuple[int, int] = (1, 1)  # accounts that belong together, from and to
    common: frozenset[str] = frozenset()  # what a team shares: words of COMMON; assignment: it is a class
    programmes: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    system: str = "none"  # word of SYSTEMS
    suite: int = 0  # > 0: so many prompts, sent again and again
    stock: float = 0.0  # share of requests that are stock phrases, which others send too (see commonplace.py)
    public: float = 0.0  # share of accounts that run a public set of items, as others do
    framed: float = 0.0  # share of accounts that run a public tool, in a world where such tools circulate
    clock_hours: float = 0.0  # > 0: hours between requests that come on the minute, besides the others
    rush: float = 1.0  # factor on the rate in the three days after a model's release
    eager: float = 0.0  # share of accounts that use a new model from its first day on
    models: Mapping[str, float] = field(default_factory=dict)  # instead of assumed.MODELS
    blank: float = 0.02  # share of accounts whose metadata is missing from some day on
    tools: tuple[int, int] = (0, 0)  # offered, from and to; below zero stands for none
    conversation: bool = True  # whether requests carry a conversation id
    reviewed: float = 0.09  # chance that an investigator looked and found nothing

    def __post_init__(self) -> None:
        """Raise ValueError for misspelt words."""
        refuse_access(self.name, self.access)
        for name, words, allowed in (
            ("writes", self.writes, PATTERNS),
            ("plans", self.plans, PLANS),
            ("networks", self.networks, NETWORKS),
            ("common", self.common, COMMON),
            ("system", [self.system], SYSTEMS),
            ("rhythm", [self.rhythm], RHYTHMS),
            ("lengths", [self.lengths], LENGTHS),
            ("models", self.models, MODEL_NAMES),
            ("programmes", self.programmes, ("", "education", "research", "startup")),
        ):
            refuse_unknown(self.name, name, words, allowed)
