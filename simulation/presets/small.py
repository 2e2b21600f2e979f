"""The world that commands and tests use daily: quick to make, many cohorts, six families."""

from simulation.presets.base import MACHINES, MIXED, PERSONS, START, TEAMS
from simulation.tactics import Campaign, Tactics
from simulation.world import Scenario

CAMPAIGNS = (
    Campaign(
        "amber",
        "instruction_generation",
        Tactics(accounts=24, per_day=(6, 20), days=(0.1, 0.6), payment=0.5, human=0.3, found_after=3),
    ),
    Campaign(
        "birch",
        "chain_of_thought",
        Tactics(
            accounts=22,
            per_day=(4, 15),
            days=(0.2, 0.75),
            disguises=PERSONS,
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
            per_day=(7, 24),
            days=(0.15, 0.7),
            disguises=MACHINES,
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
            per_day=(8, 36),
            days=(0.25, 0.9),
            disguises=TEAMS,
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
            per_day=(4, 15),
            days=(0.35, 0.95),
            disguises=PERSONS,
            human=0.8,
            payment=0.6,
            aged=0.3,
            burst=3.0,
            networks={"residential": 0.9, "vpn": 0.1},
            rotates=0.6,
            found_after=4,
        ),
    ),
    Campaign(
        "fern",
        "bare_seeds",
        Tactics(
            accounts=20,
            per_day=(4, 15),
            days=(0.3, 0.95),
            disguises=PERSONS,
            human=0.5,
            cover=0.2,
            payment=0.4,
            seeds=1500,
            found_after=4,
        ),
    ),
)

SMALL = Scenario(name="small", days=21, start=START, honest=1_250, campaigns=CAMPAIGNS, cohorts=MIXED, pace=0.24)
