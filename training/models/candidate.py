"""The shape of everything that can be fitted and judged: `tune` on held-out campaigns, `fit`, then `raw` scores."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows


class Scorer(Protocol):
    """Something fitted: a row of features in, a number that rises with the risk out."""

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,) of rows (n, F)."""
        ...


class Candidate(Protocol):
    """Something that can be fitted and judged beside the others."""

    @property
    def name(self) -> str:
        """Its name in reports and in the tracking."""
        ...

    def tune(self, data: TrainingRows, seed: int) -> tuple["Candidate", NDArray[np.float64]]:
        """Choose what is open on held-out folds; returns the choice and the out-of-fold scores (n,)."""
        ...

    def fit(self, data: TrainingRows, seed: int) -> Scorer:
        """Fit on all rows."""
        ...

    def parameters(self) -> dict[str, float | int | str]:
        """What was set and chosen."""
        ...
