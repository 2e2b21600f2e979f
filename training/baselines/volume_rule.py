"""The plainest rival: who sends more is riskier."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.rows import TrainingRows


@dataclass(frozen=True, slots=True)
class Volume:
    """The log of one feature; unknown counts as none. `sign` is +1 if more of it is riskier."""

    column: int
    sign: float

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores (n,)."""
        value = np.nan_to_num(matrix[:, self.column].astype(np.float64), nan=0.0)
        return self.sign * np.log1p(np.maximum(value, 0.0))


@dataclass(frozen=True, slots=True)
class VolumeRule:
    """The candidate `volume_rule`: who sends more is riskier. `feature` names the volume."""

    feature: str
    name: str = "volume_rule"

    def tune(self, data: TrainingRows, seed: int) -> tuple["VolumeRule", NDArray[np.float64]]:
        """Nothing is open; the scores are out of fold as they are."""
        return self, self.fit(data, seed).raw(data.matrix)

    def fit(self, data: TrainingRows, seed: int) -> Volume:
        """Raises `InputError` if the feature is not among those of the data."""
        if self.feature not in data.features:
            raise InputError(f"The volume rule needs feature {self.feature!r}, which is not among the features.")
        return Volume(data.features.index(self.feature), 1.0)

    def parameters(self) -> dict[str, float | int | str]:
        """The feature."""
        return {"feature": self.feature}
