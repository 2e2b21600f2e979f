"""A logistic regression on signed logs: part of our model, a rival by itself, and the judge of suspects."""

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
    """The candidate `logistic_regression`.

    Attributes:
        strengths: values of C to choose from.
        strength: the C to fit with; a lower one shrinks more.
        name: of the candidate.
    """

    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    strength: float = 0.1
    name: str = "logistic_regression"

    def tune(self, rows: TrainingRows, seed: int) -> tuple["LogisticRegression", NDArray[np.float64]]:
        """Choose C by PR-AUC on held-out folds; return the choice and the out-of-fold log-odds (n,)."""
        scores = np.zeros((len(self.strengths), rows.label.size))
        for fold in np.unique(rows.fold):
            in_fold = rows.fold == fold
            others = rows.take(~in_fold)
            centre, scale = _centre_and_scale(others.matrix)
            inputs = columns(others.matrix, centre, scale)
            for i, strength in enumerate(self.strengths):
                linear = Linear(centre, scale, *_weights(strength, inputs, others, seed))
                scores[i, in_fold] = linear.raw(rows.matrix[in_fold])
        best = simplest([held_out_precision(rows.label, candidate, rows.weight) for candidate in scores])
        return replace(self, strength=self.strengths[best]), scores[best]

    def fit(self, rows: TrainingRows, seed: int) -> Linear:
        """Fit on all rows; centre and scale are taken from these rows alone.

        Rows of one class alone, as a fold has them where a single account is confirmed, all get the same score.
        """
        centre, scale = _centre_and_scale(rows.matrix)
        return Linear(centre, scale, *_weights(self.strength, columns(rows.matrix, centre, scale), rows, seed))

    def parameters(self) -> dict[str, float | int | str]:
        """The chosen C."""
        return {"C": self.strength}


def _centre_and_scale(matrix: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The median and the standard deviation of the signed logs of each column; 0 and 1 where nothing is known."""
    logs = signed_log(matrix)
    filled = np.where(np.isnan(logs).all(axis=0), 0.0, logs)
    centre, spread = np.nanmedian(filled, axis=0), np.nanstd(filled, axis=0)
    return centre, np.where(spread > 1e-9, spread, 1.0)


def _weights(
    strength: float, inputs: NDArray[np.float64], rows: TrainingRows, seed: int
) -> tuple[NDArray[np.float64], float]:
    """The weight of each column and the intercept; zeros where all rows are of one class."""
    if rows.label.all() or not rows.label.any():
        return np.zeros(inputs.shape[1]), 0.0
    model = Regression(C=strength, max_iter=1000, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs, rows.label, sample_weight=rows.weight)
    return model.coef_[0], float(model.intercept_[0])
