"""What every candidate can do: `tune` on held-out campaigns, then `fit`; the result gives `raw` scores."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.examples.rows import TrainingRows

OURS = "stillwatch"  # our own candidate's name


class Scorer(Protocol):
    """A fitted candidate without calibration: gives each row a number that rises with the risk."""

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,) of rows (n, F)."""
        ...


class Candidate(Protocol):
    """A model or rule that can be fitted and judged. The one way to add a rival."""

    @property
    def name(self) -> str:
        """The name in reports and in MLflow."""
        ...

    def tune(self, rows: TrainingRows, seed: int) -> tuple["Candidate", NDArray[np.float64]]:
        """Choose hyperparameters on held-out folds; return the choice and the out-of-fold scores (n,)."""
        ...

    def fit(self, rows: TrainingRows, seed: int) -> Scorer:
        """Fit on all rows."""
        ...

    def parameters(self) -> dict[str, float | int | str]:
        """What was set and chosen."""
        ...
