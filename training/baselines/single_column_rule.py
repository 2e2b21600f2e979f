"""The plainest rivals: the more of one column, the riskier. Of the volume, or of a published detector's score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.rows import TrainingRows

VOLUME_FEATURE = "requests_28d"


@dataclass(frozen=True, slots=True)
class LogColumn:
    """A scorer: the log of one column; an unknown value counts as zero."""

    column: int

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,) of rows (n, F)."""
        value = np.nan_to_num(matrix[:, self.column].astype(np.float64), nan=0.0)
        return np.log1p(np.maximum(value, 0.0))


@dataclass(frozen=True, slots=True)
class SingleColumnRule:
    """A candidate that ranks by one column; by default `volume_rule`, which ranks by the requests of 28 days."""

    feature: str = VOLUME_FEATURE
    name: str = "volume_rule"

    def tune(self, rows: TrainingRows, seed: int) -> tuple["SingleColumnRule", NDArray[np.float64]]:
        """Return the rule itself and its scores (n,): there is nothing to choose, and no label is used."""
        return self, self.fit(rows, seed).raw(rows.matrix)

    def fit(self, rows: TrainingRows, seed: int) -> LogColumn:
        """Find the column.

        Raises:
            InputError: the feature is not among those of the rows.
        """
        if self.feature not in rows.features:
            raise InputError(f"The rule {self.name} needs feature {self.feature!r}, which is not among the features.")
        return LogColumn(rows.features.index(self.feature))

    def parameters(self) -> dict[str, float | int | str]:
        """The name of the feature."""
        return {"feature": self.feature}
