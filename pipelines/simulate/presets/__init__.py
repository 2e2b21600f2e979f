"""Scenarios by name, with their figures at scale 1. To add one, write a `Scenario` in a file here and name it below."""

from collections.abc import Mapping

from pipelines.simulate.presets.composed import COMPOSED
from pipelines.simulate.presets.disclosed import DISCLOSED
from pipelines.simulate.presets.mixed import MIXED_WORLD
from pipelines.simulate.presets.small import SMALL
from pipelines.simulate.presets.unseen import UNSEEN
from pipelines.simulate.world import Scenario

PRESETS: Mapping[str, Scenario] = {s.name: s for s in (SMALL, COMPOSED, MIXED_WORLD, *UNSEEN, *DISCLOSED)}

__all__ = ["PRESETS"]
