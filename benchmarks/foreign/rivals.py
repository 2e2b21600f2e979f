"""The rivals, trained on the examples that our model is trained on, and their scores at the end of the world."""

from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.foreign.run import Run
from benchmarks.measure import log_step
from benchmarks.worlds.simulated import ignore_progress
from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from pipelines.models.detectors import with_detectors
from pipelines.models.train import gather, read_labels
from training.baselines import published_rivals
from training.examples.dataset import DETECTOR_COLUMNS
from training.fitting.train import OURS, TrainingRequest, train


def score_rivals(run: Run) -> dict[str, Path]:
    """Train the rivals and score every account at the last time.

    Returns:
        By rival, a file with `account_id`, `as_of` and `risk`.
    """
    folder = run.folder / "rivals"
    if not folder.exists():
        log_step("training the rivals")
        with threadpool_limits(1, user_api="blas"):
            risks = _risks(run)
        folder.mkdir()
        for name in set(risks.columns) - {"account_id", "as_of"}:
            risks.select("account_id", "as_of", risk=name).write_parquet(folder / f"{name}.parquet")
    return {path.stem: path for path in sorted(folder.glob("*.parquet"))}


def _risks(run: Run) -> pl.DataFrame:
    workspace, labels = run.workspace, read_labels(run.labels, 0.01)
    time, end = run.world.trained_at, run.world.times[-1]
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
    stamp = pl.lit(end).cast(pl.Datetime("us", "UTC")).alias("as_of")
    accounts = workspace.lookup.historical(workspace.lake.seen(end).select("account_id", stamp))
    accounts = with_detectors(workspace.lake, accounts)
    risks = {name: judged.fitted.risk(accounts) for name, judged in trained.candidates.items() if name != OURS}
    return accounts.select("account_id", "as_of").with_columns(pl.Series(name, risk) for name, risk in risks.items())
