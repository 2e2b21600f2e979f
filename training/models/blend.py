"""Our candidate: shallow trees and a linear model, their log-odds added.

The trees see thresholds and combinations, and do better on families like those confirmed; the linear model weighs all
signals a little, and does better on families that nobody has seen. On families left out their sum was better than
either (`python -m benchmarks real_input`).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows
from training.models.fit import Boosting, Trees
from training.models.linear import Linear
from training.models.logistic_regression import LogisticRegression


@dataclass(frozen=True, slots=True)
class Blended:
    """Both, fitted."""

    trees: Trees
    linear: Linear

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of both log-odds, (n,)."""
        return self.trees.raw(matrix) + self.linear.raw(matrix)


@dataclass(frozen=True, slots=True)
class Blend:
    """The candidate `stillwatch`."""

    trees: Boosting = field(default_factory=Boosting)
    linear: LogisticRegression = field(default_factory=LogisticRegression)
    name: str = "stillwatch"

    def tune(self, data: TrainingRows, seed: int) -> tuple["Blend", NDArray[np.float64]]:
        """Tune each on the same folds; returns the choice and the sum of the out-of-fold log-odds (n,)."""
        trees, of_trees = self.trees.tune(data, seed)
        linear, of_linear = self.linear.tune(data, seed)
        return replace(self, trees=trees, linear=linear), of_trees + of_linear

    def fit(self, data: TrainingRows, seed: int) -> Blended:
        """Fit both on all rows."""
        return Blended(self.trees.fit(data, seed), self.linear.fit(data, seed))

    def parameters(self) -> dict[str, float | int | str]:
        """What was set and chosen for both."""
        return self.trees.parameters() | self.linear.parameters()
