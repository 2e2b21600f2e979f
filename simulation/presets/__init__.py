"""Scenarios by name, with their figures at scale 1. To add one, write a `Scenario` in a file here and name it below."""

from collections.abc import Mapping

from simulation.presets.composed import COMPOSED
from simulation.presets.disclosed import DISCLOSED
from simulation.presets.mixed import MIXED_WORLD
from simulation.presets.small import SMALL
from simulation.presets.unseen import UNSEEN
from simulation.world import Scenario

PRESETS: Mapping[str, Scenario] = {s.name: s for s in (SMALL, COMPOSED, MIXED_WORLD, *UNSEEN, *DISCLOSED)}

__all__ = ["PRESETS"]
