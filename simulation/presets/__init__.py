"""Scenarios by name; sizes are those at scale 1.

To add one, write a `Scenario` in a file here and list it in PRESETS, the manifest below. `audit/single_column.py` lists
the size at which it is audited.
"""

from collections.abc import Mapping

from simulation.presets.composed import COMPOSED
from simulation.presets.disclosed import DISCLOSED
from simulation.presets.mixed import MIXED_WORLD
from simulation.presets.small import SMALL
from simulation.presets.unseen import UNSEEN
from simulation.world import Scenario

_SCENARIOS = (SMALL, COMPOSED, MIXED_WORLD, *UNSEEN, *DISCLOSED)
PRESETS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _SCENARIOS}

__all__ = ["PRESETS"]
