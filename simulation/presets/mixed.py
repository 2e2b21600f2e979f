"""Many families and tactics at once, medium size: what a model is trained on."""

from simulation.presets.base import LOW, MACHINES, MIXED, PERSONS, START, TEAMS
from simulation.tactics import Campaign, Tactics
from simulation.world import Scenario

_CAMPAIGNS = (
    Campaign("alder", "instruction_generation", Tactics(accounts=45, days=(0.05, 0.5), payment=0.5)),
    Campaign(
        "brook",
        "instruction_generation",
        Tactics(accounts=40, per_day=LOW, days=(0.3, 0.9), disguises=PERSONS, human=0.9, cover=0.5, rotation="request",
                versions=16),
    ),
    Campaign(
        "crest",
        "chain_of_thought",
        Tactics(accounts=60, per_day=(8, 30), days=(0.1, 0.6), disguises=PERSONS, human=0.7, cover=0.3, versions=10),
    ),
    Campaign(
        "drift",
        "chain_of_thought",
        Tactics(accounts=35, days=(0.3, 0.95), disguises=TEAMS, human=0.8, cover=0.5, strangers=5, aged=0.9,
                payment=0.0, rotation="request", versions=20),
    ),
    Campaign(
        "eider",
        "reasoning_reconstruction",
        Tactics(accounts=50, days=(0.15, 0.7), disguises=MACHINES, human=0.5, pooled=0.3),
    ),
    Campaign(
        "fjord",
        "code_tasks",
        Tactics(accounts=80, per_day=(13, 46), days=(0.05, 0.95), disguises=TEAMS, human=0.8, cover=0.4, aged=0.8,
                pivot=0.5, rotation="day", versions=8),
    ),
    Campaign(
        "gorge",
        "agentic_tasks",
        Tactics(accounts=60, per_day=(15, 60), days=(0.2, 0.8), disguises=TEAMS, human=0.8, cover=0.3, pivot=0.4,
                synchrony=0.4),
    ),
    Campaign(
        "haven",
        "tool_use",
        Tactics(accounts=45, days=(0.1, 0.75), disguises=MACHINES, human=0.4,
                networks={"hosting": 0.6, "cloud": 0.4}, pooled=0.5),
    ),
    Campaign(
        "inlet",
        "rubric_grading",
        Tactics(accounts=40, days=(0.2, 0.7), disguises=MACHINES, human=0.6, payment=0.0, versions=2),
    ),
    Campaign(
        "juniper",
        "safe_rewrites",
        Tactics(accounts=40, per_day=LOW, days=(0.35, 0.95), disguises=PERSONS, human=0.8, aged=0.35, burst=3.0,
                payment=0.6, networks={"residential": 0.9, "vpn": 0.1}, rotates=0.6),
    ),
    Campaign(
        "kestrel",
        "trace_cleaning",
        Tactics(accounts=40, per_day=(20, 80), days=(0.2, 0.9), disguises=MACHINES, retreat=(0.6, 0.7), banned=0.5,
                replaced=0.7),
    ),
    Campaign(
        "larch",
        "refusal_mapping",
        Tactics(accounts=30, per_day=LOW, days=(0.1, 0.5), disguises={"jailbreakers": 0.5, "chat": 0.5}, human=0.9),
    ),
    Campaign(
        "marsh",
        "bare_seeds",
        Tactics(accounts=60, per_day=LOW, days=(0.15, 0.8), disguises=PERSONS, human=0.6, cover=0.2, seeds=4_000),
    ),
    Campaign(
        "north",
        "fixed_prompt",
        Tactics(accounts=50, per_day=(15, 50), days=(0.1, 0.95), versions=1, purge=0.55, second_pool=40,
                second_per_day=(20, 80), disguises=MACHINES, human=0.6, even=0.6),
    ),
    Campaign(
        "oxbow",
        "data_analysis",
        Tactics(accounts=30, days=(0.4, 0.95), disguises={"enterprise_seats": 0.6, "developers": 0.4}, human=0.9,
                cover=0.5, payment=0.8, aged=0.9),
    ),
    Campaign(
        "plover",
        "single_accounts",
        Tactics(accounts=6, per_day=(60, 200), days=(0.2, 0.9), disguises=MACHINES, human=0.5, payment=0.0, cover=0.2),
    ),
)  # fmt: skip

MIXED_WORLD = Scenario(name="mixed", days=35, start=START, honest=7_000, campaigns=_CAMPAIGNS, cohorts=MIXED, pace=0.4)
