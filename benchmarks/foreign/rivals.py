"""Scores at the end of the world: of rivals that learn from our model's examples, and of our model's parts alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import expit
from threadpoolctl import threadpool_limits

from benchmarks.foreign.run import Run
from benchmarks.measure import log_step
from benchmarks.worlds.simulated import ignore_progress
from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from pipelines.inputs.labels import read_labels
from pipelines.models.champion import champion_model
from pipelines.models.detectors import with_detectors
from pipelines.models.train import gather
from training.baselines import published_rivals
from training.examples.dataset import DETECTOR_COLUMNS, matrix
from training.fitting.train import TrainingRequest, train
from training.models.candidate import OURS


def score_rivals(run: Run) -> dict[str, Path]:
    """Train the rivals and score every account at the last time.

    Returns:
        By rival, a file with `account_id`, `as_of` and `risk`.
    """
    return _written(run.folder / "rivals", lambda: _risks(run))


def score_parts(run: Run) -> dict[str, Path]:
    """Score every account by the champion without what groups add, by its trees and by its linear model."""
    return _written(run.folder / "parts", lambda: _parts(run))


def _written(folder: Path, score: Callable[[], pl.DataFrame]) -> dict[str, Path]:
    if not folder.exists():
        log_step(f"scoring {folder.name}")
        with threadpool_limits(1, user_api="blas"):
            risks = score()
        draft = folder.with_name(f"{folder.name}.draft")  # so that a killed run leaves all or nothing
        draft.mkdir(exist_ok=True)
        for name in risks.columns[2:]:
            risks.select("account_id", "as_of", risk=name).write_parquet(draft / f"{name}.parquet")
        draft.rename(folder)
    return {path.stem: path for path in sorted(folder.glob("*.parquet"))}


def _accounts(run: Run) -> pl.DataFrame:
    """The features of all accounts at the last time."""
    stamp = pl.lit(run.world.times[-1]).cast(pl.Datetime("us", "UTC")).alias("as_of")
    return run.workspace.lookup.historical(run.workspace.lake.seen(run.world.times[-1]).select("account_id", stamp))


def _parts(run: Run) -> pl.DataFrame:
    model, accounts = champion_model(run.workspace, is_current=True), _accounts(run)
    rows = matrix(accounts, model.features)
    log_odds = {
        f"{OURS}, without groups": model.raw(rows),
        f"{OURS}, trees alone": np.asarray(model.booster.predict(rows, raw_score=True)),
        f"{OURS}, linear model alone": model.linear.raw(rows),
    }
    return accounts.select("account_id", "as_of").with_columns(
        pl.Series(name, expit(odds)) for name, odds in log_odds.items()
    )


def _risks(run: Run) -> pl.DataFrame:
    workspace, labels = run.workspace, read_labels(run.labels, 0.01)
    time = run.world.trained_at
    trained = train(
        TrainingRequest(
            examples=gather(workspace, labels, time, ignore_progress).frame,
            features=FEATURE_NAMES,
            as_of=time,
            seed=0,
            schema_version=SCHEMA_VERSION,
            rivals=published_rivals(FEATURE_NAMES),
            rival_columns=DETECTOR_COLUMNS,
        )
    )
    accounts = with_detectors(workspace.lake, _accounts(run))
    risks = {name: judged.fitted.risk(accounts) for name, judged in trained.candidates.items() if name != OURS}
    return accounts.select("account_id", "as_of").with_columns(pl.Series(name, risk) for name, risk in risks.items())
