"""The campaigns of the disclosures of 2026, as alleged: accounts, requests and spans are theirs, the rest is assumed.

Each has an honest population that sends at least twice as much, with many accounts as busy as the campaign's.
"""

from datetime import UTC, datetime

from simulation.cohorts import COHORTS
from simulation.presets.base import MACHINES, PERSONS
from simulation.tactics import Campaign, Tactics
from simulation.world import Scenario

_ANY = {"developers": 0.35, "agentic_coders": 0.15, "team_keys": 0.15, "chat": 0.15, "gateways": 0.1, "hobbyists": 0.1}
_BUSY = {"batch_nlp": 0.3, "gateways": 0.2, "rag_backends": 0.2, "agentic_coders": 0.15, "judges": 0.15}
_AGENTS = {"agentic_coders": 0.45, "developers": 0.3, "team_keys": 0.15, "continuous_integration": 0.1}
_VARIED_PLANS = {"free": 0.15, "pro": 0.45, "team": 0.3, "enterprise": 0.1}
_VARIED_ACCESS = {
    "api python": 0.25, "api javascript": 0.15, "api script": 0.1, "api harness": 0.15, "api gateway": 0.05,
    "web browser": 0.1, "cloud:meridian python": 0.12, "aggregator:hub none": 0.08,
}  # fmt: skip
_HEAVY = ("batch_nlp", "gateways", "rag_backends", "support_bots", "agentic_coders", "team_keys", "judges", "resellers")


def _few_light() -> dict[str, float]:
    return {c.name: c.share * (0.4 if c.name == "chat" else 1.0) for c in COHORTS.values()}


def _heavy(factor: float) -> dict[str, float]:
    """Rates of the cohorts of programs, raised for worlds whose campaigns are as busy as a service."""
    return dict.fromkeys((*_HEAVY, "own_distillation", "permitted_synthesis", "continuous_integration"), factor)


# 150,000 requests of "dozens to hundreds" of accounts; synchronised, shared payment, load balanced
REASONING = Scenario(
    name="reasoning-2026-02",
    days=28,
    start=datetime(2026, 2, 1, tzinfo=UTC),
    honest=2_200,
    campaigns=tuple(
        Campaign(
            name,
            family,
            Tactics(
                accounts=accounts, requests=requests, per_day=(15, 60), days=(0.05, 1.0), disguises=disguise,
                human=0.35, payment=0.6, versions=versions, cover=0.2, ramp=3.0, synchrony=0.5, even=0.7,
            ),
        )
        for name, family, accounts, requests, disguise, versions in (
            ("elicitation", "chain_of_thought", 80, 70_000, PERSONS, 6),
            ("grading", "rubric_grading", 60, 50_000, MACHINES, 2),
            ("rewriting", "safe_rewrites", 40, 30_000, PERSONS, 4),
        )
    ),
    cohorts=_few_light(),
    pace=0.7,
)  # fmt: skip

# 3.4 million requests of hundreds of accounts "of varied types and access paths"; later reconstruction of reasoning
AGENTIC = Scenario(
    name="agentic-2026-02",
    days=28,
    start=datetime(2026, 2, 1, tzinfo=UTC),
    honest=13_000,
    campaigns=tuple(
        Campaign(
            name,
            family,
            Tactics(
                accounts=accounts, requests=requests, per_day=(60, 500), days=days, disguises=_ANY, human=0.6,
                payment=0.15, versions=12, rotation="day", cover=0.35, ramp=4.0, aged=0.6, plans=_VARIED_PLANS,
                access=_VARIED_ACCESS,
            ),
        )
        for name, family, accounts, requests, days in (
            ("coding", "code_tasks", 160, 900_000, (0.0, 1.0)),
            ("acting", "agentic_tasks", 160, 900_000, (0.0, 1.0)),
            ("calling", "tool_use", 120, 700_000, (0.0, 1.0)),
            ("analysis", "data_analysis", 80, 400_000, (0.1, 0.9)),
            ("reconstruction", "reasoning_reconstruction", 100, 500_000, (0.6, 1.0)),
        )
    ),
    cohorts=_few_light(),
    paces=_heavy(5.0),
)  # fmt: skip

# 13 million requests of thousands of accounts; nearly half of the traffic on a new model within a day
PIVOT = Scenario(
    name="pivot-2026-02",
    days=35,
    start=datetime(2026, 2, 2, tzinfo=UTC),
    honest=54_000,
    campaigns=tuple(
        Campaign(
            name,
            family,
            Tactics(
                accounts=accounts, requests=requests, per_day=(35, 220), days=(0.0, 1.0), disguises=_AGENTS, human=0.7,
                payment=0.2, versions=8, rotation="day", cover=0.3, pivot=0.48, aged=0.5, found_after=18.0,
            ),
        )
        for name, family, accounts, requests in (
            ("coding", "code_tasks", 2_400, 7_800_000),
            ("orchestration", "tool_use", 1_600, 5_200_000),
        )
    ),
    cohorts=_few_light(),
    paces=_heavy(3.0),
)  # fmt: skip

# 25,000 accounts, 28.8 million requests in 45 days: 1,152 an account, 25.6 a day, mixed with other customers' traffic
HYDRA = Scenario(
    name="hydra-2026-06",
    days=45,
    start=datetime(2026, 4, 22, tzinfo=UTC),
    honest=110_000,
    campaigns=tuple(
        Campaign(
            name,
            family,
            Tactics(
                accounts=accounts, requests=accounts * 1_152, per_day=(13, 46), days=(0.0, 1.0), stay=0.85,
                disguises=_AGENTS | {"chat": 0.15, "gateways": 0.05}, human=0.8, payment=0.1, versions=24,
                rotation="request", cover=0.45, strangers=6, aged=0.6, past=0.0, burst=60.0, pivot=0.3, labelled=0.5,
                banned=0.2, replaced=0.8, found_after=20.0,
                networks={"residential": 0.65, "vpn": 0.1, "hosting": 0.1, "cloud": 0.15},
            ),
        )
        for name, family, accounts in (
            ("engineering", "code_tasks", 11_000),
            ("horizon", "agentic_tasks", 9_000),
            ("reasoning", "chain_of_thought", 5_000),
        )
    ),
    cohorts=_few_light(),
)  # fmt: skip

# one fixed prompt; 5,000 accounts, banned, then 3,500 others: 857 requests an account and day, 3 million a day
POOLS = Scenario(
    name="pools-2026-07",
    days=77,
    start=datetime(2026, 5, 11, tzinfo=UTC),
    honest=70_000,
    campaigns=(
        Campaign(
            "mercury",
            "fixed_prompt",
            Tactics(
                accounts=5_000, per_day=(40, 160), days=(0.0, 1.0), disguises=_BUSY, human=0.5, payment=0.2, versions=1,
                cover=0.25, aged=0.3, purge=0.7, second_pool=3_500, second_per_day=(500, 1_420), ramp=12.0,
                seeds=60_000, labelled=0.6, banned=0.2, found_after=30.0,
            ),
        ),
    ),
    cohorts=_few_light(),
    paces=_heavy(9.0),
)  # fmt: skip

# 273 accounts, 770,609 requests of the 3.4 million of all in 17 days; an older, weaker model after a block
CLEANER = Scenario(
    name="cleaner-2026",
    days=17,
    start=datetime(2026, 6, 1, tzinfo=UTC),
    honest=8_300,
    campaigns=(
        Campaign(
            "cleaner",
            "trace_cleaning",
            Tactics(
                accounts=273, requests=770_609, per_day=(80, 350), days=(0.0, 1.0), disguises=_BUSY, human=0.5,
                payment=0.3, versions=5, cover=0.4, retreat=(0.65, 0.6), aged=0.5, ramp=2.0,
                found_after=6.0, banned=0.3,
            ),
        ),
    ),
    cohorts=_few_light(),
    paces=_heavy(4.0),
)  # fmt: skip

DISCLOSED = (REASONING, AGENTIC, PIVOT, HYDRA, POOLS, CLEANER)
