"""Planting: made-up campaigns put into a provider's own history, to learn from before anything was confirmed."""

from planting.cache import planted_examples
from planting.plant import ProviderHistory, plant
from planting.settings import Planting

__all__ = ["Planting", "ProviderHistory", "plant", "planted_examples"]
