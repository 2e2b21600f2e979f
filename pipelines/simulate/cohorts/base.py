"""What an honest cohort is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cohort:
    """One kind of honest workload: every figure that its accounts are drawn from.

    Shares are weights, they need not add to one. Rates are requests an account and active day.
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
    common: frozenset[str] = (
        frozenset()
    )  # what a team shares: organization payment address mail system hours assignment
    programmes: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    system: str = "none"  # none | popular | own | harness
    suite: int = 0  # > 0: so many prompts, sent again and again
    stock: float = 0.0  # share of requests that are stock phrases, which others send too (see commonplace.py)
    public: float = 0.0  # share of accounts that run a public set of items, as others do
    every: float = 0.0  # > 0: hours between requests that come on the minute, besides the others
    rush: float = 1.0  # factor on the rate in the three days after a model's release
    models: Mapping[str, float] = field(default_factory=dict)  # instead of people.MODELS
    blank: float = 0.02  # share of accounts whose metadata is missing from some day on
    tools: tuple[int, int] = (0, 0)  # offered, from and to; below zero stands for none
    conversation: bool = True  # whether requests carry a conversation id
    reviewed: float = 0.09  # chance that an investigator looked and found nothing
    source: str = "assumed"
