"""What is planted: families, sizes and tactics; each campaign draws its own settings."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from features.errors import InputError
from planting.random_templates import NAME as RANDOM_TEMPLATE
from simulation.families import read_families
from simulation.families.written import WRITTEN

FAMILIES = tuple(family.name for family in WRITTEN)


@dataclass(frozen=True, slots=True)
class Planting:
    """What may be set about planting; the model's label records it.

    Attributes:
        families: names of the simulator's families.
        campaigns: number of campaigns of each family.
        random_templates: number of further campaigns, whose templates are random sentences.
        accounts: smallest and largest size of a campaign.
        share: most planted accounts per account to borrow from; two campaigns are planted in any case.
        seed: of every draw.
    """

    families: tuple[str, ...] = FAMILIES
    campaigns: int = 3
    random_templates: int = 24
    accounts: tuple[int, int] = (5, 40)
    share: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.families) - set(read_families(None)))
        if unknown:
            raise InputError(f"The families {unknown} can't be planted: choose from {', '.join(read_families(None))}.")
        low, high = self.accounts
        if (
            min(self.campaigns, self.random_templates) < 0
            or self.campaigns * len(self.families) + self.random_templates == 0
        ):
            raise InputError(
                f"{self.campaigns} campaigns of {len(self.families)} families and {self.random_templates} "
                "with random templates can't be planted: give at least one."
            )
        if not 2 <= low <= high:
            raise InputError(f"Campaigns of {low} to {high} accounts can't be planted: give at least two accounts.")
        if not 0.0 < self.share <= 1.0:
            raise InputError(f"The share {self.share:g} can't be planted: give one above 0 and up to 1.")
        if self.seed < 0:
            raise InputError(f"The seed {self.seed} is below 0: give another.")

    def as_json(self) -> str:
        """All settings in one line of JSON, for the model's label."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """One campaign to be planted; shares lie between 0 and 1.

    Attributes:
        number: the campaign's, from 0.
        family: its name.
        accounts: how many are planted.
        begin: days before the training time at which it begins.
        cover: share of the requests that stay ordinary while an account serves.
        versions: number of wordings of its template.
        rotation: whether the wording changes by account, day or request.
        seeds: number of different seeds that its accounts have in common.
        shared: share of the requests whose seed is one of those.
        aged: share of accounts with an ordinary past; the others register when they begin.
        burst: mean hours from registration to service of the others.
        pooled: share of accounts that use the campaign's own addresses.
        payment: share of accounts that pay with the campaign's instruments.
        instrument: accounts that share one instrument.
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
    def name(self) -> str:
        """The campaign's name, which no confirmed campaign has."""
        return f"planted:{self.family}:{self.number}"


def draw_campaigns(planting: Planting, donor_count: int, days: float) -> Iterator[CampaignSettings]:
    """Draw the campaigns to plant into a history of `days` with so many accounts to borrow from.

    Settings are drawn over wide ranges, from crude to careful, so that the model learns what none of them can hide.
    """
    rng = np.random.default_rng([planting.seed, 1])
    budget = max(round(planting.share * donor_count), 2 * planting.accounts[1])
    names = [
        *np.repeat(planting.families, planting.campaigns).tolist(),
        *[RANDOM_TEMPLATE] * planting.random_templates,
    ]
    low, high = np.log(planting.accounts)
    sizes = np.exp(rng.uniform(low, high, len(names))).round().astype(np.int64)
    # with few donors, fewer campaigns are planted, not smaller ones: a tiny campaign shows nothing in common
    order = rng.permutation(len(names))
    order = order[np.cumsum(sizes[order]) <= budget]
    for number in map(int, order):
        family, size = names[number], int(sizes[number])
        yield CampaignSettings(
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
            pooled=_zero_or_up_to(rng, 0.5, 0.7),
            payment=_zero_or_up_to(rng, 0.5, 0.8),
            instrument=int(rng.integers(2, 9)),
            single=float(rng.uniform(0.0, 1.0)),
            systems=float(rng.uniform(0.0, 1.0)),
        )


def _zero_or_up_to(rng: np.random.Generator, chance: float, most: float) -> float:
    return float(rng.uniform(0.0, most)) if rng.random() < chance else 0.0
