"""Rivals: plain rules and models, and detectors of the literature; judged beside our model on equal terms."""

from training.baselines.forest import IsolationForest
from training.baselines.narrow import Narrow
from training.baselines.plain import Candidate, LogisticRegression, Scorer, VolumeRule
from training.baselines.published import AGGREGATES, literature

__all__ = [
    "AGGREGATES",
    "Candidate",
    "IsolationForest",
    "LogisticRegression",
    "Narrow",
    "Scorer",
    "VolumeRule",
    "literature",
]
