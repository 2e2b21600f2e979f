"""The traffic simulator: made-up worlds as the contract's tables.

Read `world.py` first (accounts, then days), then `day.py`. To add a kind of honest workload see
`cohorts/`, a campaign family `families/`, a scenario `presets.py`.
"""

from simulation.run import SCENARIOS, SimulationRequest, Summary, simulate

__all__ = ["SCENARIOS", "SimulationRequest", "Summary", "simulate"]
