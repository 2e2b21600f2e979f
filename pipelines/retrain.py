"""Train, promote, package, and all of it in one: thin shells around `training` and `serving`."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.errors import InputError, IntegrityError
from features.intake import batches, check, input_files
from pipelines.build import Built, Progress, build, ensure_features
from pipelines.workspace import Workspace
from serving.package import current, package
from training import model as models
from training import tracking
from training.dataset import Entities, entities, snapshot_times
from training.promotion import Decision, gate
from training.train import Trained, judge, train

VOLUME_FEATURE = "requests_28d"


@dataclass(frozen=True)
class Fitted:
    """A training that was recorded.

    Attributes:
        version: of the registered model.
        trained: model, rivals and reports.
        entities: what was learned from, and which labels were left out.
        later: rows of each table that were left out since they lie after the time.
    """

    version: int
    trained: Trained
    entities: Entities
    later: dict[str, int]


@dataclass(frozen=True)
class Retrained:
    """What a whole loop did; `bento` is the champion's, whether or not it is new, and None as long as there is none."""

    built: Built
    fitted: Fitted
    decision: Decision
    bento: Path | None


def read_labels(path: Path, limit: float) -> pl.DataFrame:
    """The labels table behind a path.

    Raises:
        InputError: unusable, or more broken rows than the limit.
    """
    files = input_files(path, "labels")
    checked = [check(batch, "labels") for file in files for batch in batches(file)]
    rows = sum(file.rows for file in files)
    if not rows:
        raise InputError(f"{path} holds no labels: expected one row per judged account.")
    rejects = pl.concat([part.rejects for part in checked])
    broken = sum(part.rejects["row"].n_unique() for part in checked)
    if broken > limit * rows:
        raise InputError(
            f"{path}: {broken:,} of {rows:,} rows break the contract of labels "
            f"({rejects['rule'][0]} in row {rejects['row'][0]}): correct the export."
        )
    labels = pl.concat([part.good for part in checked]).drop("row")
    twice = labels.filter(pl.col("account_id").is_duplicated())
    if len(twice):
        raise InputError(f"{path}: account {twice['account_id'][0]!r} is labelled more than once: keep one row each.")
    return labels


def gather(
    workspace: Workspace, labels: pl.DataFrame, as_of: datetime, progress: Progress
) -> tuple[Entities, pl.DataFrame]:
    """Accounts at several times up to as_of, and what was known of them then, through the feature store."""
    times = snapshot_times(as_of)
    ensure_features(workspace, times, progress)
    chosen = entities(workspace.lake.seen(as_of), labels, as_of, times)
    examples = workspace.lookup.historical(chosen.frame)
    # those silent in all windows teach nothing, or that silence is a sign
    return chosen, examples.filter(pl.col(VOLUME_FEATURE).is_not_null())


def fit(workspace: Workspace, labels: pl.DataFrame, as_of: datetime, *, seed: int, progress: Progress) -> Fitted:
    """Fit and judge candidates on what was known at as_of, and register the best as challenger."""
    chosen, examples = gather(workspace, labels, as_of, progress)
    progress("training", 0.0)
    # On small matrices BLAS threads mostly wait for one another, and their number would change the last bits.
    with threadpool_limits(1, user_api="blas"):
        trained = train(
            examples,
            FEATURE_NAMES,
            as_of=as_of,
            seed=seed,
            schema_version=SCHEMA_VERSION,
            volume_feature=VOLUME_FEATURE,
        )
    progress("training", 0.7)
    version = tracking.record(
        workspace.tracking_uri,
        workspace.artifacts,
        trained,
        params={"as_of": as_of.isoformat(), "seed": seed, "schema_version": SCHEMA_VERSION},
        code_version=installed_version("stillwatch"),
    )
    progress("training", 1.0)
    return Fitted(version, trained, chosen, workspace.lake.later(as_of))


def champion_folder(workspace: Workspace) -> Path:
    """The champion's model folder, downloaded from the registry.

    Raises:
        InputError: there is no champion yet.
    """
    found = tracking.champion(workspace.tracking_uri)
    if found is None:
        raise InputError(f"{workspace.root} has no champion: run `stillwatch retrain`, or `train` and `promote`.")
    folder = workspace.root / "champion"
    if folder.exists():
        with suppress(IntegrityError):  # it is a copy: a damaged one is fetched again
            if tracking.is_registered(workspace.tracking_uri, found[0], models.load(folder)):
                return folder
        shutil.rmtree(folder)
    return tracking.fetch(workspace.tracking_uri, found[0], folder)


def promote(workspace: Workspace, version: int | None = None) -> tuple[int, Decision]:
    """Let a version (by default the challenger) through the gate, or not.

    The champion is judged on the version's own frozen test set. One that was made for other features can't be, and
    can't score any more either: it does not stand in the way.

    Raises:
        InputError: there is no such version.
    """
    uri = workspace.tracking_uri
    chosen = version if version is not None else tracking.challenger(uri)
    if chosen is None:
        raise InputError(f"{workspace.root} has no challenger: run `stillwatch train` first, or give --version.")
    challenger, reigning = tracking.report(uri, chosen), tracking.champion(uri)
    report = None if reigning is None else reigning[1]
    if report is not None and report.test_digest != challenger.test_digest:
        model = models.load(champion_folder(workspace))
        comparable = model.schema_version == SCHEMA_VERSION
        test = tracking.judged_on(uri, chosen)
        report = judge(model, test, as_of=challenger.as_of, seed=challenger.seed) if comparable else None
    decision = gate(challenger, report)
    tracking.promote(uri, chosen, decision)
    return chosen, decision


def package_champion(workspace: Workspace) -> Path:
    """The Bento of the champion."""
    return package(champion_folder(workspace), workspace.bento)


def packaged(workspace: Workspace) -> Path:
    """The Bento that was packaged last; raises InputError if there is none."""
    return current(workspace.bento)


def retrain(
    workspace: Workspace, labels: pl.DataFrame, as_of: datetime, *, seed: int, progress: Progress, now: datetime
) -> Retrained:
    """Build, train, gate, promote, package."""
    built = build(workspace, as_of, progress, now=now)
    fitted = fit(workspace, labels, as_of, seed=seed, progress=progress)
    _, decision = promote(workspace, fitted.version)
    progress("packaging", 0.0)
    bento = package_champion(workspace) if tracking.champion(workspace.tracking_uri) else None
    progress("packaging", 1.0)
    return Retrained(built, fitted, decision, bento)
