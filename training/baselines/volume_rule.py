"""The plainest rival: an account that sends more is riskier."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.rows import TrainingRows

VOLUME_FEATURE = "requests_28d"


@dataclass(frozen=True, slots=True)
class LogVolume:
    """A scorer: the log of one column; an unknown value counts as zero."""

    column: int

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,) of rows (n, F)."""
        value = np.nan_to_num(matrix[:, self.column].astype(np.float64), nan=0.0)
        return np.log1p(np.maximum(value, 0.0))


@dataclass(frozen=True, slots=True)
class VolumeRule:
    """The candidate `volume_rule`; `feature` names the volume."""

    feature: str = VOLUME_FEATURE
    name: str = "volume_rule"

    def tune(self, rows: TrainingRows, seed: int) -> tuple["VolumeRule", NDArray[np.float64]]:
        """Return the rule itself and its scores (n,): there is nothing to choose, and no label is used."""
        return self, self.fit(rows, seed).raw(rows.matrix)

    def fit(self, rows: TrainingRows, seed: int) -> LogVolume:
        """Find the column.

        Raises:
            InputError: the feature is not among those of the rows.
        """
        if self.feature not in rows.features:
            raise InputError(f"The volume rule needs feature {self.feature!r}, which is not among the features.")
        return LogVolume(rows.features.index(self.feature))

    def parameters(self) -> dict[str, float | int | str]:
        """The name of the feature."""
        return {"feature": self.feature}
