"""Rivals: plain rules and models, and detectors of the literature; judged beside our model on equal terms."""

from training.baselines.forest import IsolationForest
from training.baselines.published import AGGREGATES, literature
from training.baselines.volume_rule import VolumeRule

__all__ = [
    "AGGREGATES",
    "IsolationForest",
    "VolumeRule",
    "literature",
]
