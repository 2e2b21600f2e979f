"""An isolation forest: how few random cuts separate an account from the others (Liu, Ting and Zhou 2008)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as Forest

from training.examples.rows import TrainingRows
from training.models.linear import signed_log


@dataclass(frozen=True, slots=True)
class IsolationScorer:
    """A fitted forest; unknown values are replaced by the median, `centre` (F,)."""

    forest: Forest
    centre: NDArray[np.float64]

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """How unusual each row is, (n,): about 1/2 for ordinary rows, towards 1 for unusual ones."""
        unusual = -self.forest.score_samples(_filled(matrix, self.centre))
        return np.asarray(unusual, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class IsolationForest:
    """The candidate `isolation_forest`; it uses no labels."""

    trees: int = 100
    name: str = "isolation_forest"

    def tune(self, rows: TrainingRows, seed: int) -> tuple["IsolationForest", NDArray[np.float64]]:
        """Return the forest itself and the scores (n,) of one fit on all rows: no label, so nothing leaks."""
        return self, self.fit(rows, seed).raw(rows.matrix)

    def fit(self, rows: TrainingRows, seed: int) -> IsolationScorer:
        """Fit on all rows."""
        logs = signed_log(rows.matrix)
        centre = np.nanmedian(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0)
        forest = Forest(n_estimators=self.trees, random_state=seed)
        return IsolationScorer(forest.fit(_filled(rows.matrix, centre)), centre)

    def parameters(self) -> dict[str, float | int | str]:
        """The number of trees."""
        return {"trees": self.trees}


def _filled(matrix: NDArray[np.float32], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = signed_log(matrix)
    return np.where(np.isnan(logs), centre, logs)
