"""Rivals that are judged on the same test set as our model: plain rules and models, and published detectors."""

from training.baselines.forest import IsolationForest
from training.baselines.published import AGGREGATES, published_rivals
from training.baselines.single_column_rule import SingleColumnRule

__all__ = [
    "AGGREGATES",
    "IsolationForest",
    "SingleColumnRule",
    "published_rivals",
]
