"""Worlds for honest testing: what they hold is in no other scenario."""

from datetime import UTC, datetime

from simulation.presets.base import LOW, MACHINES, MIXED, PERSONS, TEAMS
from simulation.tactics import Campaign, Tactics
from simulation.world import Scenario

_START = datetime(2026, 8, 3, tzinfo=UTC)

# families that no other scenario has, with tactics that others have
FAMILIES = Scenario(
    name="unseen-families",
    days=28,
    start=_START,
    honest=2_600,
    campaigns=(
        Campaign(
            "quarry",
            "preference_pairs",
            Tactics(accounts=50, days=(0.1, 0.8), disguises=MACHINES, human=0.6, versions=5),
        ),
        Campaign(
            "ridge",
            "dialogue_simulation",
            Tactics(accounts=45, per_day=LOW, days=(0.2, 0.9), disguises=PERSONS, human=0.8, cover=0.4, versions=8),
        ),
        Campaign(
            "shoal",
            "evolved_instructions",
            Tactics(accounts=45, days=(0.15, 0.85), disguises=TEAMS, human=0.7, cover=0.4, rotation="day", versions=6),
        ),
    ),
    cohorts=MIXED,
    pace=0.4,
)

# tactics that no other scenario has, with families that others have: one pool for two operators, metadata that
# vanishes, probes at fixed intervals, a pool so large that each account sends next to nothing
TACTICS = Scenario(
    name="unseen-tactics",
    days=28,
    start=_START,
    honest=2_800,
    campaigns=(
        Campaign(
            "tarn",
            "instruction_generation",
            Tactics(accounts=60, per_day=(15, 50), days=(0.1, 0.9), disguises=MACHINES, human=0.6, cover=0.3),
        ),
        Campaign(
            "upland",
            "safe_rewrites",
            Tactics(guest_of="tarn", guest_share=0.45, days=(0.25, 0.9), versions=4),
        ),
        Campaign(
            "vale",
            "chain_of_thought",
            Tactics(accounts=45, days=(0.1, 0.9), disguises=TEAMS, human=0.8, blank=(0.5, 0.8), cover=0.4, versions=8),
        ),
        Campaign(
            "wold",
            "code_tasks",
            Tactics(accounts=40, days=(0.1, 0.9), disguises=TEAMS, human=0.8, probes=(6.0, 0.8), cover=0.3, versions=6),
        ),
        Campaign(
            "yarrow",
            "bare_seeds",
            Tactics(accounts=150, per_day=(1.0, 5.0), days=(0.05, 0.95), disguises=PERSONS, human=0.9, cover=0.2,
                    seeds=3_000),
        ),
    ),
    cohorts=MIXED,
    pace=0.4,
)  # fmt: skip

UNSEEN = (FAMILIES, TACTICS)
