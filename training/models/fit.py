"""Gradient-boosted trees (LightGBM, native Booster), tuned by cross-validation over campaigns.

The settings are meant for few confirmed campaigns and for families that training never saw: shallow trees,
a third of the features for each tree, leaves that need many rows, strong shrinkage. Rounds are chosen on
held-out campaigns of the training side.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.evaluation.metrics import held_out_precision, simplest
from training.examples.rows import TrainingRows

MANY_ROWS = 20_000
NAME = re.compile(r"[A-Za-z0-9_]+")


def threads(rows: int) -> int:
    """Two threads pay from some ten thousand rows on; below, they mostly wait for each other on a busy
    machine.
    """
    return 2 if rows >= MANY_ROWS else 1


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """What is set by hand. `monotone` maps feature names to +1 or -1 where the direction of the evidence is
    known.
    """

    learning_rate: float = 0.05
    num_leaves: int = 6
    max_depth: int = 3
    min_data_in_leaf: int = 25
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.7
    lambda_l2: float = 5.0
    rounds: tuple[int, ...] = (50, 100, 150, 200, 300, 400)
    monotone: tuple[tuple[str, int], ...] = ()

    def parameters(self, features: Sequence[str], seed: int, rows: int) -> dict[str, object]:
        """The parameters of LightGBM for so many `rows`; equal ones and equal data give equal trees to the
        bit.
        """
        signs = dict(self.monotone)
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "max_depth": self.max_depth,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "monotone_constraints": [signs.get(name, 0) for name in features] if signs else None,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads(rows),
            "seed": seed,
            "verbosity": -1,
        }


# LightGBM's own defaults: a rival that takes no thought
USUAL = BoostingSettings(
    learning_rate=0.1,
    num_leaves=31,
    max_depth=-1,
    min_data_in_leaf=20,
    feature_fraction=1.0,
    bagging_fraction=1.0,
    lambda_l2=0.0,
    rounds=(100,),
)


def boost(data: TrainingRows, settings: BoostingSettings, rounds: int, seed: int) -> lgb.Booster:
    """Fit `rounds` trees. Raises `InputError` for feature names that LightGBM would change."""
    odd = [name for name in data.features if not NAME.fullmatch(name)]
    if odd:
        raise InputError(f"The feature names {odd} hold more than letters, digits and underscores: rename them.")
    parameters = {k: v for k, v in settings.parameters(data.features, seed, data.label.size).items() if v is not None}
    frame = lgb.Dataset(
        data.matrix, data.label.astype(np.float32), weight=data.weight, feature_name=list(data.features)
    )
    booster = lgb.train(parameters, frame, num_boost_round=rounds)
    # the text form is the model: what is saved and what is judged here are the same trees
    return lgb.Booster(model_str=booster.model_to_string())


@dataclass(frozen=True, slots=True)
class Trees:
    """Fitted trees as a scorer."""

    booster: lgb.Booster

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of each row, (n,)."""
        return np.asarray(
            self.booster.predict(matrix, raw_score=True, num_threads=threads(len(matrix))), dtype=np.float64
        )


@dataclass(frozen=True, slots=True)
class Boosting:
    """Trees, to be tuned and fitted."""

    settings: BoostingSettings = BoostingSettings()
    rounds: int = 0
    name: str = "lightgbm"

    def tune(self, data: TrainingRows, seed: int) -> tuple["Boosting", NDArray[np.float64]]:
        """Choose the rounds by the PR-AUC on held-out folds; returns the choice and the out-of-fold log-
        odds (n,).
        """
        steps = sorted(set(self.settings.rounds))
        scores = np.zeros((len(steps), data.label.size))
        for fold in np.unique(data.fold):
            out = data.fold == fold
            booster = boost(data.take(~out), self.settings, steps[-1], seed)
            for i, rounds in enumerate(steps):
                raw = booster.predict(data.matrix[out], raw_score=True, num_iteration=rounds, num_threads=1)
                scores[i, out] = np.asarray(raw, dtype=np.float64)
        best = simplest([held_out_precision(data.label, row, data.weight) for row in scores])
        return replace(self, rounds=steps[best]), scores[best]

    def fit(self, data: TrainingRows, seed: int) -> Trees:
        """Fit the chosen number of trees on all rows."""
        return Trees(boost(data, self.settings, self.rounds or max(self.settings.rounds), seed))

    def parameters(self) -> dict[str, float | int | str]:
        """What the tracking shows."""
        names = ["learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "feature_fraction"]
        names += ["bagging_fraction", "lambda_l2"]
        return {"rounds": self.rounds, **{name: getattr(self.settings, name) for name in names}}
