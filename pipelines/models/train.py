"""Train a version of the model: gather examples, fit, judge, register. The same inputs are trained on only once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as installed_version

import polars as pl
from threadpoolctl import threadpool_limits

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.code_version import code_version
from features.progress import Progress
from pipelines.build import ensure_features
from pipelines.campaigns.memberships import with_groups
from pipelines.inputs.labels import canonical_labels
from pipelines.models.detectors import with_detectors
from pipelines.models.flags import with_flags
from pipelines.models.slices import assign_slices, with_course
from pipelines.settings import settings
from pipelines.workspace import Workspace
from planting import Planting, ProviderHistory, planted_examples
from training import tracking
from training.baselines import published_rivals
from training.evaluation import drift
from training.evaluation.report import Report
from training.examples.dataset import DETECTOR_COLUMNS, digest, entities, snapshot_times
from training.examples.splits import require_two
from training.examples.test_set import latest
from training.fitting.plan import Plan
from training.fitting.train import Trained, TrainingRequest, train
from training.models.candidate import OURS


@dataclass(frozen=True, kw_only=True)
class VersionRequest:
    """What a new version of the model is to be trained on.

    Attributes:
        labels: `features.schemas.Labels`.
        as_of: the training time; nothing that became known later is used.
        seed: of the training; which accounts and campaigns it is judged on does not depend on it.
        slices: what a user says that accounts belong to (`pipelines.models.slices.read_slices`); only reported on.
        planting: campaigns to plant for our model to learn from; None for none.
        search_trials: trials of a search for better settings of the trees.
    """

    labels: pl.DataFrame
    as_of: datetime
    seed: int = 0
    slices: pl.DataFrame | None = None
    planting: Planting | None = None
    search_trials: int = 0

    def check(self) -> None:
        """Check, before any work, what can be checked without the lake.

        Raises:
            InputError: nothing is planted, and fewer than two accounts are confirmed by the training time.
        """
        if self.planting is None:
            is_confirmed = pl.col("label") & (pl.col("labelled_at") <= self.as_of)
            require_two(self.labels.filter(is_confirmed)["account_id"])


@dataclass(frozen=True, kw_only=True)
class TrainedVersion:
    """A version of the model in the registry, trained now or before.

    Attributes:
        version: of the registered model.
        is_new: False if these very inputs had been trained on before, so that nothing was done.
        reports: of our model and of the rivals, ours first.
        counts: accounts and rows learned from and judged on.
        later: rows of each table that became known after the training time and were left out; labels among them.
    """

    version: int
    is_new: bool
    reports: Mapping[str, Report]
    counts: Mapping[str, int]
    later: Mapping[str, int]


@dataclass(frozen=True)
class GatheredExamples:
    """Examples for a training.

    Attributes:
        frame: the examples.
        labels_too_late: labels that became known too late for it.
        history: from the first request in the lake to the time of the training.
    """

    frame: pl.DataFrame
    labels_too_late: int
    history: timedelta


def gather(workspace: Workspace, labels: pl.DataFrame, as_of: datetime, progress: Progress) -> GatheredExamples:
    """Read examples at several times up to `as_of` out of the feature store, as each account was known at each time."""
    times, workspace = snapshot_times(as_of), workspace.named_at(as_of)
    labels = canonical_labels(labels, workspace.lake, as_of)
    ensure_features(workspace, times, progress)
    seen = workspace.lake.seen(as_of)
    first: datetime = seen["first_seen"].min()  # type: ignore[assignment]
    accounts = entities(seen, labels, as_of, times)
    examples = with_course(workspace.lake, workspace.lookup.historical(accounts.frame), as_of)
    examples = with_groups(workspace, examples, progress)
    with threadpool_limits(1, user_api="blas"):
        return GatheredExamples(
            frame=with_flags(workspace, with_detectors(workspace.lake, examples), as_of),
            labels_too_late=accounts.labels_too_late,
            history=as_of - first,
        )


def plant_examples(
    workspace: Workspace, labels: pl.DataFrame, as_of: datetime, planting: Planting, progress: Progress
) -> pl.DataFrame | None:
    """Make examples of campaigns planted into the workspace's history; see `planting.planted_examples`."""
    lake = workspace.named_at(as_of).lake
    labels = canonical_labels(labels, lake, as_of)
    history = ProviderHistory(lake, workspace.keyring, labels, snapshot_times(as_of))
    return planted_examples(history, planting, workspace.root / "planted", progress)


def train_version(
    workspace: Workspace,
    request: VersionRequest,
    progress: Progress,
    *,
    examples: GatheredExamples | None = None,
    tags: Mapping[str, str] | None = None,
) -> TrainedVersion:
    """Fit and judge candidates on what was known at a time, and register ours as the challenger.

    Inputs that were trained on before are recognised by their digest: then the recorded version is returned.

    Args:
        workspace: where data and models are stored.
        request: what to train on.
        progress: called with the name of the step and the share done.
        examples: the result of `gather`, if it was called before.
        tags: recorded with the version.
    """
    sign, prove = (
        settings().signer(),
        settings().verifier(),
    )  # first, so that an unusable key is reported before the work
    request.check()
    workspace = workspace.named_at(request.as_of)
    examples = examples or gather(workspace, request.labels, request.as_of, progress)
    later = workspace.lake.later(request.as_of) | {"labels": examples.labels_too_late}
    training = _training_request(workspace, request, examples, progress)
    uri, inputs = workspace.tracking_uri, _inputs(training)
    recorded = tracking.made_from(uri, inputs)
    # A model is signed right after its training, never as it lies in the registry: somebody may have put it there.
    if recorded is not None and tracking.holds(uri, recorded, prove if sign else None, signed=sign is not None):
        tracking.note(uri, recorded, tags or {})
        reports = {OURS: tracking.report(uri, recorded)} | tracking.rival_reports(uri, recorded)
        counts = tracking.counts(uri, recorded)
        return TrainedVersion(version=recorded, is_new=False, reports=reports, counts=counts, later=later)
    trained = _train(training, progress)
    version = tracking.record(
        uri,
        workspace.artifacts,
        trained,
        tracking.RunContext(
            params={"as_of": request.as_of.isoformat(), "seed": request.seed, "schema_version": SCHEMA_VERSION},
            code_version=_code_version(),
            tags={tracking.INPUTS: inputs} | dict(tags or {}),
            reference=_reference(examples, trained),
            owner=workspace.identity,
        ),
        sign=sign,
    )
    progress("training", 1.0)
    return TrainedVersion(version=version, is_new=True, reports=trained.reports, counts=trained.counts, later=later)


def _training_request(
    workspace: Workspace, request: VersionRequest, examples: GatheredExamples, progress: Progress
) -> TrainingRequest:
    slices = assign_slices(workspace.lake, workspace.keyring, examples.frame, request.as_of, request.slices)
    planted, origin = None, {}
    if request.planting is not None:
        planted = plant_examples(workspace, request.labels, request.as_of, request.planting, progress)
        origin = {} if planted is None else {"planting": request.planting.as_json()}
    return TrainingRequest(
        examples=examples.frame,
        features=FEATURE_NAMES,
        as_of=request.as_of,
        seed=request.seed,
        schema_version=SCHEMA_VERSION,
        plan=Plan(search_trials=request.search_trials),
        slices=slices,
        rivals=published_rivals(FEATURE_NAMES),
        rival_columns=DETECTOR_COLUMNS,
        planted=planted,
        origin=origin,
    )


def _train(training: TrainingRequest, progress: Progress) -> Trained:
    progress("training", 0.0)
    trained = train(training)
    progress("training", 0.7)
    return trained


def _inputs(training: TrainingRequest) -> str:
    """One digest of all that a training depends on: equal digests mean equal models."""
    parts = {
        "as_of": training.as_of.isoformat(),
        "code": _code_version(),
        "examples": digest(training.examples),
        "slices": "" if training.slices is None else digest(training.slices),
        "plan": repr(training.plan),
        "planted": "" if training.planted is None else digest(training.planted),
        "schema": training.schema_version,
        "seed": training.seed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code_version() -> str:
    """The release, with a digest of the training code and of the versions of the libraries that it uses."""
    return f"{installed_version('stillwatch')}+{code_version('training.fitting.train')}"


def _reference(examples: GatheredExamples, trained: Trained) -> drift.Reference:
    """What drift is measured against later: all accounts as they are now, and the model's risks on its test set."""
    ours = trained.candidates[OURS]
    expected = drift.expect(ours.risk, trained.model.review_threshold)
    return drift.make_reference(
        latest(examples.frame),
        FEATURE_NAMES,
        schema_version=SCHEMA_VERSION,
        expected=expected,
        history=examples.history,
    )
