"""Planting: simulated campaigns put into a provider's own history, to learn from before anything is confirmed.

Begin with `plant.py`. Settings are in `settings.py`; `borrow.py` gives planted accounts the habits of honest ones,
`write.py` their prompts, and `cache.py` keeps the examples.
"""

from planting.cache import planted_examples
from planting.plant import ProviderHistory, plant
from planting.settings import Planting

__all__ = ["Planting", "ProviderHistory", "plant", "planted_examples"]
