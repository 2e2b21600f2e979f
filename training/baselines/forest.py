"""An isolation forest: how few random cuts set an account apart from the others (Liu, Ting and Zhou 2008)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as Forest

from training.examples.rows import TrainingRows
from training.models.linear import signed_log


@dataclass(frozen=True, slots=True)
class Isolated:
    """A fitted forest; an unknown value stands at the median."""

    forest: Forest
    centre: NDArray[np.float64]

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """How odd each row is, (n,); about 1/2 for ordinary ones, towards 1 for odd ones."""
        odd = -self.forest.score_samples(_filled(matrix, self.centre))
        return np.asarray(odd, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """The candidate `isolation_forest`; it looks at no label, at the honest and the others alike."""

    trees: int = 100
    name: str = "isolation_forest"

    def tune(self, data: TrainingRows, seed: int) -> tuple["IsolationForest", NDArray[np.float64]]:
        """Nothing is open; without labels there is nothing to learn by heart, so one fit scores all rows."""
        return self, self.fit(data, seed).raw(data.matrix)

    def fit(self, data: TrainingRows, seed: int) -> Isolated:
        """Fit on all rows."""
        logs = signed_log(data.matrix)
        centre = np.nanmedian(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0)
        forest = Forest(n_estimators=self.trees, random_state=seed)
        return Isolated(forest.fit(_filled(data.matrix, centre)), centre)

    def parameters(self) -> dict[str, float | int | str]:
        """The number of trees."""
        return {"trees": self.trees}


def _filled(matrix: NDArray[np.float32], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = signed_log(matrix)
    return np.where(np.isnan(logs), centre, logs)
