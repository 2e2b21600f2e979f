"""The rows that a candidate learns from, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a candidate learns from.

    Attributes:
        features: names of the columns of the matrix.
        matrix: (n, F) float32; NaN is unknown.
        label: (n,); unlabelled rows are false.
        weight: (n,).
        fold: (n,), from 0; see `training.examples.folds`.
    """

    features: tuple[str, ...]
    matrix: NDArray[np.float32]
    label: NDArray[np.bool_]
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> "TrainingRows":
        """The rows that a mask (n,) chooses."""
        return TrainingRows(
            features=self.features,
            matrix=self.matrix[chosen],
            label=self.label[chosen],
            weight=self.weight[chosen],
            fold=self.fold[chosen],
        )
