"""Scenarios by name. Sizes and figures at scale 1."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pipelines.simulate.cohorts import COHORTS
from pipelines.simulate.tactics import Campaign, Tactics
from pipelines.simulate.world import Scenario

_START = datetime(2026, 4, 6, tzinfo=UTC)  # a Monday

_MACHINES = {"developers": 0.35, "batch_nlp": 0.35, "judges": 0.1, "rag_backends": 0.2}
_PERSONS = {"chat": 0.4, "developers": 0.35, "hobbyists": 0.25}
_TEAMS = {"team_keys": 0.4, "developers": 0.4, "agentic_coders": 0.2}
_LOW = (8.0, 18.0)

# fewer light users than a provider has, so that many honest accounts send as much as the campaigns' do
_MIXED = {c.name: c.share * (0.45 if c.name == "chat" else 1.0) for c in COHORTS.values()}

_SMALL = (
    Campaign(
        "amber",
        "instruction_generation",
        Tactics(accounts=24, per_day=(10, 24), days=(0.1, 0.6), payment=0.5, human=0.3, found_after=3),
    ),
    Campaign(
        "birch",
        "chain_of_thought",
        Tactics(
            accounts=22,
            per_day=_LOW,
            days=(0.2, 0.75),
            disguises=_PERSONS,
            human=0.9,
            cover=0.45,
            versions=12,
            rotation="request",
            found_after=3,
        ),
    ),
    Campaign(
        "cedar",
        "rubric_grading",
        Tactics(
            accounts=16,
            per_day=(12, 30),
            days=(0.15, 0.7),
            disguises=_MACHINES,
            human=0.6,
            versions=2,
            networks={"hosting": 0.7, "cloud": 0.3},
            pooled=0.5,
            payment=0.0,
            found_after=4,
        ),
    ),
    Campaign(
        "dune",
        "code_tasks",
        Tactics(
            accounts=20,
            per_day=(13, 46),
            days=(0.25, 0.9),
            disguises=_TEAMS,
            human=0.7,
            cover=0.3,
            aged=0.8,
            pivot=0.6,
            versions=6,
            rotation="day",
            found_after=4,
        ),
    ),
    Campaign(
        "elm",
        "safe_rewrites",
        Tactics(
            accounts=18,
            per_day=_LOW,
            days=(0.35, 0.95),
            disguises=_PERSONS,
            human=0.8,
            payment=0.6,
            aged=0.1,
            burst=3.0,
            networks={"residential": 0.9, "vpn": 0.1},
            rotates=True,
            found_after=4,
        ),
    ),
    Campaign(
        "fern",
        "bare_seeds",
        Tactics(
            accounts=20,
            per_day=_LOW,
            days=(0.3, 0.95),
            disguises=_PERSONS,
            human=0.5,
            cover=0.2,
            payment=0.4,
            seeds=1500,
            found_after=4,
        ),
    ),
)

_COMPOSED = (
    Campaign(
        "acre",
        "self_instruct",
        Tactics(accounts=36, per_day=(10, 24), days=(0.05, 0.5), human=0.5, payment=0.4, found_after=2),
    ),
    Campaign(
        "bay",
        "self_instruct",
        Tactics(
            accounts=22,
            per_day=_LOW,
            days=(0.3, 0.85),
            disguises=_PERSONS,
            human=0.9,
            cover=0.5,
            versions=10,
            rotation="request",
            payment=0.1,
            found_after=3,
        ),
    ),
    Campaign(
        "cove",
        "alpaca",
        Tactics(
            accounts=34,
            per_day=(10, 24),
            days=(0.1, 0.55),
            disguises=_MACHINES,
            human=0.4,
            pooled=0.4,
            networks={"hosting": 0.6, "cloud": 0.4},
            found_after=3,
        ),
    ),
    Campaign(
        "delta",
        "backtranslation",
        Tactics(
            accounts=30,
            per_day=(12, 30),
            days=(0.12, 0.6),
            disguises=_MACHINES,
            human=0.6,
            payment=0.0,
            versions=4,
            found_after=3,
        ),
    ),
    Campaign(
        "edge",
        "clair",
        Tactics(
            accounts=32,
            per_day=(12, 30),
            days=(0.2, 0.7),
            disguises=_TEAMS,
            human=0.7,
            aged=0.8,
            pivot=0.6,
            cover=0.35,
            rotation="day",
            versions=5,
            found_after=3,
        ),
    ),
    Campaign(
        "ford",
        "genstruct",
        Tactics(
            accounts=26,
            per_day=_LOW,
            days=(0.15, 0.7),
            disguises=_PERSONS,
            human=0.8,
            cover=0.4,
            payment=0.3,
            networks={"residential": 0.9, "vpn": 0.1},
            rotates=True,
            found_after=3,
        ),
    ),
    Campaign(
        "glen",
        "urial",
        Tactics(
            accounts=30,
            per_day=(12, 30),
            days=(0.25, 0.8),
            human=0.6,
            payment=0.2,
            aged=0.2,
            burst=4.0,
            found_after=3,
        ),
    ),
    Campaign(
        "heath",
        "kit_questions",
        Tactics(
            accounts=40,
            per_day=(10, 24),
            days=(0.1, 0.65),
            disguises=_MACHINES,
            human=0.5,
            versions=3,
            payment=0.5,
            found_after=3,
        ),
    ),
    Campaign(
        "isle",
        "kit_reasoning",
        Tactics(
            accounts=28,
            per_day=_LOW,
            days=(0.3, 0.85),
            disguises=_TEAMS,
            human=0.8,
            cover=0.5,
            versions=20,
            rotation="request",
            aged=0.9,
            payment=0.0,
            found_after=3,
        ),
    ),
    Campaign(
        "knoll",
        "kit_rating",
        Tactics(
            accounts=30,
            per_day=(12, 30),
            days=(0.2, 0.75),
            disguises=_MACHINES,
            human=0.4,
            pooled=0.3,
            versions=2,
            found_after=3,
        ),
    ),
    Campaign(
        "lake",
        "reward_judging",
        Tactics(
            accounts=20,
            per_day=_LOW,
            days=(0.25, 0.8),
            disguises=_MACHINES,
            human=0.6,
            payment=0.3,
            versions=1,
            found_after=3,
        ),
    ),
    Campaign(
        "moor",
        "bare_seeds",
        Tactics(
            accounts=24,
            per_day=_LOW,
            days=(0.15, 0.8),
            disguises=_PERSONS,
            human=0.6,
            cover=0.2,
            payment=0.5,
            seeds=3000,
            found_after=3,
        ),
    ),
)

_PRESETS = (
    Scenario("small", 21, _START, 1_400, _SMALL, cohorts=_MIXED, pace=0.17),
    Scenario("composed", 28, _START, 3_300, _COMPOSED, cohorts=_MIXED, pools=True, pace=0.36),
)

PRESETS: Mapping[str, Scenario] = {s.name: s for s in _PRESETS}
