"""Plain rivals, shaped like our own candidate: `tune` on held-out campaigns, `fit`, then `raw` scores."""

import warnings
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Regression

from features.errors import InputError
from training.evaluation.metrics import held_out_precision, simplest
from training.models.fit import Learning
from training.models.linear import Linear, columns, signed_log


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

    def tune(self, data: Learning, seed: int) -> tuple["Candidate", NDArray[np.float64]]:
        """Choose what is open on held-out folds; returns the choice and the out-of-fold scores (n,)."""
        ...

    def fit(self, data: Learning, seed: int) -> Scorer:
        """Fit on all rows."""
        ...

    def parameters(self) -> dict[str, float | int | str]:
        """What was set and chosen."""
        ...


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

    def tune(self, data: Learning, seed: int) -> tuple["VolumeRule", NDArray[np.float64]]:
        """Nothing is open; the scores are out of fold as they are."""
        return self, self.fit(data, seed).raw(data.matrix)

    def fit(self, data: Learning, seed: int) -> Volume:
        """Raises `InputError` if the feature is not among those of the data."""
        if self.feature not in data.features:
            raise InputError(f"The volume rule needs feature {self.feature!r}, which is not among the features.")
        return Volume(data.features.index(self.feature), 1.0)

    def parameters(self) -> dict[str, float | int | str]:
        """The feature."""
        return {"feature": self.feature}


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """The candidate `logistic_regression`, on the same features; `strengths` are the values of C to choose
    from.
    """

    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    strength: float = 0.1
    name: str = "logistic_regression"

    def tune(self, data: Learning, seed: int) -> tuple["LogisticRegression", NDArray[np.float64]]:
        """Choose C on the same folds and by the same figure as the trees their rounds."""
        scores = np.zeros((len(self.strengths), data.label.size))
        for fold in np.unique(data.fold):
            out = data.fold == fold
            rest = data.take(~out)
            for i, strength in enumerate(self.strengths):
                scores[i, out] = replace(self, strength=strength).fit(rest, seed).raw(data.matrix[out])
        best = simplest([held_out_precision(data.label, row, data.weight) for row in scores])
        return replace(self, strength=self.strengths[best]), scores[best]

    def fit(self, data: Learning, seed: int) -> Linear:
        """Fit on all rows; centre and scale come from these rows alone."""
        logs = signed_log(data.matrix)
        empty = np.isnan(logs).all(axis=0)
        filled = np.where(empty, 0.0, logs)
        centre, spread = np.nanmedian(filled, axis=0), np.nanstd(filled, axis=0)
        scale = np.where(spread > 1e-9, spread, 1.0)
        model = Regression(C=self.strength, max_iter=1000, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(columns(data.matrix, centre, scale), data.label, sample_weight=data.weight)
        return Linear(centre, scale, model.coef_[0], float(model.intercept_[0]))

    def parameters(self) -> dict[str, float | int | str]:
        """The chosen C."""
        return {"C": self.strength}
