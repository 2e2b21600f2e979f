"""Gradient-boosted trees (LightGBM, native Booster), tuned by cross-validation over campaigns.

The settings are meant for few confirmed campaigns and for families that training never saw: shallow trees,
a third of the features for each tree, leaves that need many rows, strong shrinkage. The number of rounds is chosen
on held-out campaigns of the training side.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from training.evaluation.metrics import held_out_precision, simplest
from training.examples.rows import TrainingRows
from training.lean_lightgbm import lightgbm as lgb

# From here on a second thread is taken. The trees are the same; two threads wait for each other actively: 100 trees of
# 20,000 rows took 2 s of processor time by one thread, and on busy cores 10 s by two.
MANY_ROWS = 200_000
SAFE_NAME = re.compile(r"[A-Za-z0-9_]+")  # LightGBM changes other feature names silently


def threads(rows: int) -> int:
    """How many threads to use for so many rows: below `MANY_ROWS` two mostly wait for each other."""
    return 2 if rows >= MANY_ROWS else 1


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """Settings of the trees.

    Chosen together on the scenario `composed`, seed 11, on families left out of training (CHANGELOG.md). What
    doubling one of them does was not measured.

    Attributes:
        learning_rate: LightGBM's, as the next six.
        num_leaves: of a tree.
        max_depth: of a tree.
        min_data_in_leaf: rows.
        feature_fraction: share of the features that each tree may use.
        bagging_fraction: share of the rows that each tree learns from.
        lambda_l2: L2 regularisation.
        rounds: numbers of trees to choose from.
        monotone: names of features with +1 or -1, where more of a feature always raises or lowers the risk.
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
        """LightGBM's parameters for so many `rows`; with equal rows they give equal trees to the bit."""
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
            "force_col_wise": True,
            "num_threads": threads(rows),
            "seed": seed,
            "verbosity": -1,
        }


# LightGBM's own defaults, for rivals.
LIGHTGBM_DEFAULTS = BoostingSettings(
    learning_rate=0.1,
    num_leaves=31,
    max_depth=-1,
    min_data_in_leaf=20,
    feature_fraction=1.0,
    bagging_fraction=1.0,
    lambda_l2=0.0,
    rounds=(100,),
)


def boost(rows: TrainingRows, settings: BoostingSettings, rounds: int, seed: int) -> lgb.Booster:
    """Fit `rounds` trees.

    Raises:
        InputError: feature names that LightGBM would change.
    """
    odd = [name for name in rows.features if not SAFE_NAME.fullmatch(name)]
    if odd:
        raise InputError(f"The feature names {odd} hold more than letters, digits and underscores: rename them.")
    parameters = {k: v for k, v in settings.parameters(rows.features, seed, rows.label.size).items() if v is not None}
    frame = lgb.Dataset(
        rows.matrix, rows.label.astype(np.float32), weight=rows.weight, feature_name=list(rows.features)
    )
    booster = lgb.train(parameters, frame, num_boost_round=rounds)
    # Through the text form, so that the trees judged here are the very trees that are saved.
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
    """The candidate: trees to be tuned and fitted; with `rounds` 0 the largest number of rounds is fitted."""

    settings: BoostingSettings = BoostingSettings()
    rounds: int = 0
    name: str = "lightgbm"

    def tune(self, rows: TrainingRows, seed: int) -> tuple["Boosting", NDArray[np.float64]]:
        """Choose the rounds by PR-AUC on held-out folds; return the choice and the out-of-fold log-odds (n,)."""
        steps = sorted(set(self.settings.rounds))
        scores = np.zeros((len(steps), rows.label.size))
        for fold in np.unique(rows.fold):
            in_fold = rows.fold == fold
            booster = boost(rows.take(~in_fold), self.settings, steps[-1], seed)
            for i, rounds in enumerate(steps):
                raw = booster.predict(rows.matrix[in_fold], raw_score=True, num_iteration=rounds, num_threads=1)
                scores[i, in_fold] = np.asarray(raw, dtype=np.float64)
        best = simplest([held_out_precision(rows.label, candidate, rows.weight) for candidate in scores])
        return replace(self, rounds=steps[best]), scores[best]

    def fit(self, rows: TrainingRows, seed: int) -> Trees:
        """Fit the chosen number of trees on all rows."""
        return Trees(boost(rows, self.settings, self.rounds or max(self.settings.rounds), seed))

    def parameters(self) -> dict[str, float | int | str]:
        """The settings and the chosen rounds."""
        names = ["learning_rate", "num_leaves", "max_depth", "min_data_in_leaf", "feature_fraction"]
        names += ["bagging_fraction", "lambda_l2"]
        return {"rounds": self.rounds, **{name: getattr(self.settings, name) for name in names}}
