"""Train: examples through the feature store, fitted, judged and registered; the same inputs only once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.code_version import code_version
from features.errors import InputError
from features.formats.intake import check_rows, find_input_files, read_batches
from features.progress import Progress
from features.schemas import Labels
from pipelines.build import ensure_features
from pipelines.campaigns.memberships import with_in_campaign
from pipelines.models.detectors import with_detectors
from pipelines.models.slices import slices_of, with_course
from pipelines.settings import settings
from pipelines.workspace import Workspace
from planting import Planting, ProviderHistory, planted_examples
from training import tracking
from training.baselines import literature
from training.evaluation import drift
from training.evaluation.report import Report
from training.examples.dataset import DETECTED, Entities, digest, entities, snapshot_times
from training.examples.test_set import latest
from training.fitting.train import OURS, Plan, Trained, train

VOLUME_FEATURE = "requests_28d"
Gathered = tuple[Entities, pl.DataFrame]


@dataclass(frozen=True)
class Fitted:
    """A training that was recorded, now or before.

    Attributes:
        version: of the registered model.
        is_new: False if these very inputs had been trained on before, so that nothing was done.
        reports: of our model and of the rivals, ours first.
        counts: accounts and rows learned from and judged on.
        later: rows of each table that were left out since they became known after the time; labels among them.
    """

    version: int
    is_new: bool
    reports: Mapping[str, Report]
    counts: Mapping[str, int]
    later: Mapping[str, int]


def read_labels(path: Path | None, limit: float) -> pl.DataFrame:
    """The labels table behind a path; an empty one without a path.

    Raises:
        InputError: unusable, or more broken rows than the limit.
    """
    if path is None:
        return Labels.create_empty()
    files = find_input_files(path, "labels")
    checked = [check_rows(batch, "labels") for file in files for batch in read_batches(file)]
    rows = sum(file.rows for file in files)
    if not rows:
        raise InputError(
            f"{path} holds no labels: expected one row per judged account; leave --labels out where none is."
        )
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


def gather(workspace: Workspace, labels: pl.DataFrame, as_of: datetime, progress: Progress) -> Gathered:
    """Accounts at several times up to as_of, and what was known of them then, through the feature store."""
    times = snapshot_times(as_of)
    ensure_features(workspace, times, progress)
    chosen = entities(workspace.lake.seen(as_of), labels, as_of, times)
    examples = with_course(workspace.lake, workspace.lookup.historical(chosen.frame))
    # those silent in all windows teach nothing, or that silence is a sign
    heard = with_in_campaign(workspace, examples.filter(pl.col(VOLUME_FEATURE).is_not_null()), progress)
    with threadpool_limits(1, user_api="blas"):
        return chosen, with_detectors(workspace.lake, heard)


def plant(
    workspace: Workspace, labels: pl.DataFrame, as_of: datetime, planting: Planting, progress: Progress
) -> pl.DataFrame | None:
    """Examples of campaigns planted into the workspace's history; see `planting.planted_examples`."""
    history = ProviderHistory(workspace.lake, workspace.keyring, labels, snapshot_times(as_of))
    return planted_examples(history, planting, workspace.root / "planted", progress)


def fit(
    workspace: Workspace,
    labels: pl.DataFrame,
    as_of: datetime,
    *,
    seed: int,
    progress: Progress,
    slices: pl.DataFrame | None = None,
    gathered: Gathered | None = None,
    tags: Mapping[str, str] | None = None,
    planting: Planting | None = None,
    search: int = 0,
) -> Fitted:
    """Fit and judge candidates on what was known at as_of, and register the best as challenger.

    Args:
        workspace: where all is kept.
        labels: the table of the contract.
        as_of: the time.
        seed: of the split and of the training.
        progress: called with what is being done and the share done.
        groups: what accounts belong to (`pipelines.models.slices`), reported on and never learnt from.
        gathered: what `gather` gave, if that was done before.
        tags: recorded with the version.
        planting: campaigns to plant for ours to learn from; none if absent.
        search: trials of a search for better settings.
    """
    sign, prove = settings().signer(), settings().verifier()  # a key that can't be used is told before the work
    chosen, examples = gathered or gather(workspace, labels, as_of, progress)
    told = slices_of(workspace.lake, workspace.keyring, examples, as_of, slices)
    later = workspace.lake.later(as_of) | {"labels": chosen.labels_too_late}
    planted = None if planting is None else plant(workspace, labels, as_of, planting, progress)
    plan = Plan(search=search)
    uri, inputs = workspace.tracking_uri, _inputs(examples, told, planted, plan, as_of, seed)
    known = tracking.made_from(uri, inputs)
    # A model is signed as it was trained, never as it lies there: somebody may have put it there.
    if known is not None and tracking.holds(uri, known, prove if sign else None, signed=sign is not None):
        tracking.note(uri, known, tags or {})
        reports = {OURS: tracking.report(uri, known)} | tracking.rivals(uri, known)
        return Fitted(known, False, reports, tracking.counts(uri, known), later)
    trained = _train(examples, told, planted, planting, plan, as_of, seed, progress)
    version = tracking.record(
        uri,
        workspace.artifacts,
        trained,
        params={"as_of": as_of.isoformat(), "seed": seed, "schema_version": SCHEMA_VERSION},
        code_version=_code_version(),
        tags={tracking.INPUTS: inputs} | dict(tags or {}),
        reference=_reference(examples, trained),
        owner=workspace.identity,
        sign=sign,
    )
    progress("training", 1.0)
    return Fitted(version, True, trained.reports, trained.counts, later)


def _train(
    examples: pl.DataFrame,
    slices: pl.DataFrame,
    planted: pl.DataFrame | None,
    planting: Planting | None,
    plan: Plan,
    as_of: datetime,
    seed: int,
    progress: Progress,
) -> Trained:
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
            plan=plan,
            slices=slices,
            rivals=literature(FEATURE_NAMES),
            beside=DETECTED,
            planted=planted,
            told={} if planted is None or planting is None else {"planting": planting.told()},
        )
    progress("training", 0.7)
    return trained


def _inputs(
    examples: pl.DataFrame, slices: pl.DataFrame, planted: pl.DataFrame | None, plan: Plan, as_of: datetime, seed: int
) -> str:
    """One digest of all that a training depends on: where it is the same, the model is."""
    parts = {
        "as_of": as_of.isoformat(),
        "code": _code_version(),
        "examples": digest(examples),
        "slices": digest(slices),
        "plan": repr(plan),
        "planted": "" if planted is None else digest(planted),
        "schema": SCHEMA_VERSION,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code_version() -> str:
    """The release, and a digest of the code that trains and of the releases of the libraries that it uses."""
    return f"{installed_version('stillwatch')}+{code_version('training.fitting.train')}"


def _reference(examples: pl.DataFrame, trained: Trained) -> drift.Reference:
    """What drift will be measured against: all accounts as they are now, and what the model expects on its test set."""
    ours = trained.candidates[OURS]
    expected = drift.expect(ours.risk, trained.model.review_threshold)
    return drift.reference(latest(examples), FEATURE_NAMES, schema_version=SCHEMA_VERSION, expected=expected)
