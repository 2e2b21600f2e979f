"""Any candidate, on some of the columns only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.rows import TrainingRows
from training.models.candidate import Candidate, Scorer


@dataclass(frozen=True, slots=True)
class Chosen:
    """A scorer that is shown some of the columns, in its own order."""

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
        """The candidate's own."""
        return self.candidate.name

    def tune(self, data: TrainingRows, seed: int) -> tuple["Narrow", NDArray[np.float64]]:
        """Tune it on its columns; returns the choice and the out-of-fold scores (n,)."""
        tuned, scores = self.candidate.tune(self._narrowed(data), seed)
        return replace(self, candidate=tuned), scores

    def fit(self, data: TrainingRows, seed: int) -> Chosen:
        """Fit it on its columns."""
        return Chosen(self.candidate.fit(self._narrowed(data), seed), places(data.features, self.names))

    def parameters(self) -> dict[str, float | int | str]:
        """The candidate's own."""
        return self.candidate.parameters()

    def _narrowed(self, data: TrainingRows) -> TrainingRows:
        matrix = np.ascontiguousarray(data.matrix[:, places(data.features, self.names)])
        return replace(data, features=self.names, matrix=matrix)


def places(features: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Where columns stand. Raises `InputError` if one is missing."""
    missing = [name for name in names if name not in features]
    if missing:
        raise InputError(f"The columns {missing} are not among those of the data: build the examples again.")
    return np.array([features.index(name) for name in names], dtype=np.int64)
