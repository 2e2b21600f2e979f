"""Planting: made-up campaigns put into a provider's own history, to learn from before anything was confirmed."""

from pipelines.planting.dials import Planting
from pipelines.planting.kept import planted_examples
from pipelines.planting.plant import plant

__all__ = ["Planting", "plant", "planted_examples"]
