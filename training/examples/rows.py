"""The rows that a candidate learns from, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a candidate learns from: matrix (n, F) float32, and label, weight and fold of each row, (n,)."""

    features: tuple[str, ...]
    matrix: NDArray[np.float32]
    label: NDArray[np.bool_]
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> "TrainingRows":
        """The same for some of the rows."""
        return TrainingRows(self.features, self.matrix[rows], self.label[rows], self.weight[rows], self.fold[rows])
