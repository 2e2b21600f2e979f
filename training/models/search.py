"""Search for settings of the trees by Optuna, judged on held-out campaigns.

The folds are those of the training side; nothing of the test set is used. By default there is no search, since it has
not been measured on families left out of training (CHANGELOG.md).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from features.errors import missing_extra
from training.evaluation.metrics import held_out_precision
from training.examples.rows import TrainingRows
from training.models.fit import Boosting, BoostingSettings

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

RANDOM_TRIALS = 8  # before the sampler has enough to go by; not tuned


def search(rows: TrainingRows, budget: int, seed: int, start: BoostingSettings | None = None) -> BoostingSettings:
    """The settings with the best weighted average precision on held-out folds, among `start` and `budget` trials.

    The same rows, budget and seed give the same settings; `start` wins a draw.
    """
    start = start or BoostingSettings()
    if budget <= 0:
        return start
    require_optuna()
    import optuna  # slow to import, and seldom needed

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: _precision(rows, _suggest(trial, start), seed), n_trials=budget)
    best = _suggest(optuna.trial.FixedTrial(study.best_params), start)
    return best if study.best_value > _precision(rows, start, seed) else start


def require_optuna() -> None:
    """Check that Optuna is installed, so that a command can fail before its work.

    Raises:
        InputError: the extra `search` is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise missing_extra("--search", "search") from error


def _precision(rows: TrainingRows, settings: BoostingSettings, seed: int) -> float:
    """The average precision of out-of-fold scores at the best number of rounds."""
    _, scores = Boosting(settings).tune(rows, seed)
    return held_out_precision(rows.label, scores, rows.weight)


def _suggest(trial: "BaseTrial", start: BoostingSettings) -> BoostingSettings:
    return replace(
        start,
        max_depth=trial.suggest_int("max_depth", 2, 6),
        num_leaves=trial.suggest_int("num_leaves", 3, 31),
        learning_rate=trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
        min_data_in_leaf=trial.suggest_int("min_data_in_leaf", 5, 100, log=True),
        feature_fraction=trial.suggest_float("feature_fraction", 0.1, 0.8),
        bagging_fraction=trial.suggest_float("bagging_fraction", 0.5, 1.0),
        lambda_l2=trial.suggest_float("lambda_l2", 0.1, 50.0, log=True),
    )
