"""The traffic simulator: writes simulated worlds as the contract's tables.

Read `world.py` first (it draws the accounts), then `day.py` (it makes the requests of a day). Each kind of honest
customer (`cohorts/`), campaign family (`families/`) and scenario (`presets/`) is one entry that a manifest lists.
"""

from simulation.run import SCENARIOS, SimulationRequest, Summary, simulate

__all__ = ["SCENARIOS", "SimulationRequest", "Summary", "simulate"]
