"""What is planted: families, sizes and tactics, drawn anew for every campaign."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from features.errors import InputError
from planting.random_templates import NAME as MADE_UP
from simulation.families import families
from simulation.families.written import WRITTEN

FAMILIES = tuple(family.name for family in WRITTEN)


@dataclass(frozen=True, slots=True)
class Planting:
    """What may be set; it is kept in the model's label.

    Attributes:
        families: of the simulator, by name.
        campaigns: of each family.
        made_up: further campaigns, with templates of random sentences.
        accounts: of a campaign, least and most.
        share: planted accounts at most, over those that they borrow from; but two campaigns there are always.
        seed: of every draw.
    """

    families: tuple[str, ...] = FAMILIES
    campaigns: int = 3
    made_up: int = 24
    accounts: tuple[int, int] = (5, 40)
    share: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.families) - set(families(None)))
        if unknown:
            raise InputError(f"The families {unknown} can't be planted: choose from {', '.join(families(None))}.")
        low, high = self.accounts
        if min(self.campaigns, self.made_up) < 0 or self.campaigns * len(self.families) + self.made_up == 0:
            raise InputError(
                f"{self.campaigns} campaigns of {len(self.families)} families and {self.made_up} made-up ones can't be "
                "planted: give at least one."
            )
        if not 2 <= low <= high:
            raise InputError(f"Campaigns of {low} to {high} accounts can't be planted: give at least two accounts.")
        if not 0.0 < self.share <= 1.0:
            raise InputError(f"The share {self.share:g} can't be planted: give one above 0 and up to 1.")
        if self.seed < 0:
            raise InputError(f"The seed {self.seed} is below 0: give another.")

    def told(self) -> str:
        """Everything about it in one line of JSON, for the model's label."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Dials:
    """One campaign to be planted.

    Shares lie in 0 to 1, days count back from the training time, hours are hours.

    Attributes:
        number: of the campaign, from 0.
        family: name of its family.
        accounts: how many borrow.
        begin: days before the training time at which it begins.
        cover: share of the requests in service that stay ordinary.
        versions: wordings of its template.
        rotation: who changes the wording: account, day or request.
        seeds: different seeds that its accounts have in common.
        shared: share of the requests whose seed is one of those.
        aged: share of accounts with an ordinary past; the others register when they begin.
        burst: hours within which those register.
        pooled: share of accounts that use the campaign's own addresses.
        payment: share of accounts that pay with the campaign's instruments.
        instrument: accounts for each of these.
        single: share of accounts whose requests stand alone, outside conversations.
        systems: share of accounts that send the family's system prompt.
    """

    number: int
    family: str
    accounts: int
    begin: float
    cover: float
    versions: int
    rotation: str
    seeds: int
    shared: float
    aged: float
    burst: float
    pooled: float
    payment: float
    instrument: int
    single: float
    systems: float

    @property
    def campaign(self) -> str:
        """Its name, which no confirmed campaign has."""
        return f"planted:{self.family}:{self.number}"


def draw(planting: Planting, donors: int, days: float) -> Iterator[Dials]:
    """The campaigns to be planted where so many accounts may be borrowed from, over a history of `days`.

    Dials are drawn over wide ranges, from crude to careful: the model is to learn what none of them can hide.
    """
    rng = np.random.default_rng([planting.seed, 1])
    budget = max(round(planting.share * donors), 2 * planting.accounts[1])
    wanted = [*np.repeat(planting.families, planting.campaigns).tolist(), *[MADE_UP] * planting.made_up]
    low, high = np.log(planting.accounts)
    sizes = np.exp(rng.uniform(low, high, len(wanted))).round().astype(np.int64)
    # where few lend, fewer campaigns are planted rather than smaller ones, in which nobody would act together
    order = rng.permutation(len(wanted))
    order = order[np.cumsum(sizes[order]) <= budget]
    for number in map(int, order):
        family, size = wanted[number], int(sizes[number])
        yield Dials(
            number=number,
            family=family,
            accounts=size,
            begin=float(rng.uniform(3.0, days)),
            cover=float(0.9 * rng.uniform(0.0, 1.0) ** 1.5),
            versions=round(float(np.exp(rng.uniform(0.0, np.log(25.0))))),
            rotation=str(rng.choice(["account", "day", "request"])),
            seeds=round(float(np.exp(rng.uniform(np.log(200.0), np.log(50_000.0))))),
            shared=float(rng.uniform(0.0, 0.4)),
            aged=float(rng.uniform(0.0, 1.0)),
            burst=float(np.exp(rng.uniform(0.0, np.log(240.0)))),
            pooled=_sometimes(rng, 0.5, 0.7),
            payment=_sometimes(rng, 0.5, 0.8),
            instrument=int(rng.integers(2, 9)),
            single=float(rng.uniform(0.0, 1.0)),
            systems=float(rng.uniform(0.0, 1.0)),
        )


def _sometimes(rng: np.random.Generator, chance: float, most: float) -> float:
    return float(rng.uniform(0.0, most)) if rng.random() < chance else 0.0
