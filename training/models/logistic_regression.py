"""A logistic regression on signed logs: a part of our model, a rival by itself, and what finds suspects."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Regression

from training.evaluation.metrics import held_out_precision, simplest
from training.examples.rows import TrainingRows
from training.models.linear import Linear, columns, signed_log


@dataclass(frozen=True, slots=True)
class LogisticRegression:
    """The candidate `logistic_regression`, on the same features; `strengths` are the values of C to choose
    from.
    """

    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    strength: float = 0.1
    name: str = "logistic_regression"

    def tune(self, data: TrainingRows, seed: int) -> tuple["LogisticRegression", NDArray[np.float64]]:
        """Choose C on the same folds and by the same figure as the trees their rounds."""
        scores = np.zeros((len(self.strengths), data.label.size))
        for fold in np.unique(data.fold):
            out = data.fold == fold
            rest = data.take(~out)
            for i, strength in enumerate(self.strengths):
                scores[i, out] = replace(self, strength=strength).fit(rest, seed).raw(data.matrix[out])
        best = simplest([held_out_precision(data.label, row, data.weight) for row in scores])
        return replace(self, strength=self.strengths[best]), scores[best]

    def fit(self, data: TrainingRows, seed: int) -> Linear:
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
