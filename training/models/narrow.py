"""Any candidate, restricted to some of the columns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.rows import TrainingRows
from training.models.candidate import Candidate, Scorer


@dataclass(frozen=True, slots=True)
class NarrowScorer:
    """A scorer that is shown the columns with the indices `columns`, in this order."""

    scorer: Scorer
    columns: NDArray[np.int64]

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,) of rows with all columns."""
        return self.scorer.raw(np.ascontiguousarray(matrix[:, self.columns]))


@dataclass(frozen=True, slots=True)
class Narrow:
    """A candidate that learns from the columns `names` alone."""

    candidate: Candidate
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """As the candidate."""
        return self.candidate.name

    def tune(self, rows: TrainingRows, seed: int) -> tuple["Narrow", NDArray[np.float64]]:
        """Tune the candidate on its columns; return the choice and the out-of-fold scores (n,)."""
        tuned, scores = self.candidate.tune(self._narrowed(rows), seed)
        return replace(self, candidate=tuned), scores

    def fit(self, rows: TrainingRows, seed: int) -> NarrowScorer:
        """Fit the candidate on its columns."""
        return NarrowScorer(self.candidate.fit(self._narrowed(rows), seed), column_indices(rows.features, self.names))

    def parameters(self) -> dict[str, float | int | str]:
        """As the candidate."""
        return self.candidate.parameters()

    def _narrowed(self, rows: TrainingRows) -> TrainingRows:
        matrix = np.ascontiguousarray(rows.matrix[:, column_indices(rows.features, self.names)])
        return replace(rows, features=self.names, matrix=matrix)


def column_indices(features: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """The indices of the columns `names`.

    Raises:
        InputError: a name that is not among the features.
    """
    missing = [name for name in names if name not in features]
    if missing:
        raise InputError(f"The columns {missing} are not among those of the examples: build the examples again.")
    return np.array([features.index(name) for name in names], dtype=np.int64)
