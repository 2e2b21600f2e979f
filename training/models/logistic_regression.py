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
            for i, strength in enumerate(self.strengths):
                scores[i, in_fold] = replace(self, strength=strength).fit(others, seed).raw(rows.matrix[in_fold])
        best = simplest([held_out_precision(rows.label, candidate, rows.weight) for candidate in scores])
        return replace(self, strength=self.strengths[best]), scores[best]

    def fit(self, rows: TrainingRows, seed: int) -> Linear:
        """Fit on all rows; centre and scale are taken from these rows alone.

        Rows of one class alone, as a fold has them where a single account is confirmed, all get the same score.
        """
        logs = signed_log(rows.matrix)
        empty = np.isnan(logs).all(axis=0)
        filled = np.where(empty, 0.0, logs)
        centre, spread = np.nanmedian(filled, axis=0), np.nanstd(filled, axis=0)
        scale = np.where(spread > 1e-9, spread, 1.0)
        features = columns(rows.matrix, centre, scale)
        if rows.label.all() or not rows.label.any():
            return Linear(centre, scale, np.zeros(features.shape[1]), 0.0)
        model = Regression(C=self.strength, max_iter=1000, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, rows.label, sample_weight=rows.weight)
        return Linear(centre, scale, model.coef_[0], float(model.intercept_[0]))

    def parameters(self) -> dict[str, float | int | str]:
        """The chosen C."""
        return {"C": self.strength}
