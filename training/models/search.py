"""Search for settings of the trees by Optuna: a budget of trials and a seed, judged on held-out campaigns.

The folds are those of the training side; nothing of the test set is seen. By default there is no search: what it earned
on families that were left out is within chance (CHANGELOG.md).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from training.evaluation.metrics import held_out_precision
from training.examples.rows import TrainingRows
from training.models.fit import Boosting, BoostingSettings

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

FIRST = 8  # trials at random, before the sampler has anything to go by


def search(data: TrainingRows, budget: int, seed: int, start: BoostingSettings | None = None) -> BoostingSettings:
    """The settings with the best weighted average precision on held-out folds, of `start` and `budget` trials.

    The same data, budget and seed give the same settings; a draw goes to `start`.
    """
    usual = start or BoostingSettings()
    if budget <= 0:
        return usual
    import optuna  # slow to import, and seldom needed

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=FIRST)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: _precision(data, _drawn(trial, usual), seed), n_trials=budget)
    best = _drawn(optuna.trial.FixedTrial(study.best_params), usual)
    return best if study.best_value > _precision(data, usual, seed) else usual


def _precision(data: TrainingRows, settings: BoostingSettings, seed: int) -> float:
    """Of out-of-fold scores, at the best number of rounds."""
    _, scores = Boosting(settings).tune(data, seed)
    return held_out_precision(data.label, scores, data.weight)


def _drawn(trial: "BaseTrial", usual: BoostingSettings) -> BoostingSettings:
    return replace(
        usual,
        max_depth=trial.suggest_int("max_depth", 2, 6),
        num_leaves=trial.suggest_int("num_leaves", 3, 31),
        learning_rate=trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 5, 100, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.1, 0.8),
        bagging_fraction=trial.suggest_float("bagging_fraction", 0.5, 1.0),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 50.0, log=True),
    )
