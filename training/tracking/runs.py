"""What a training leaves in MLflow.

One parent run for a training (parameters, digests, figures, plots, our model folder, and the model as MLflow's users
load it), one child run for each rival. A version is registered last, so that a kill leaves a run without a
version and never half a version; recording the same training again gives the version that is there.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.evaluation.drift import Reference
from training.examples.dataset import targets
from training.examples.test_set import write_test_set
from training.models.artifact import SIGNATURE, Sign
from training.models.candidate import OURS
from training.models.model import fingerprint, save
from training.reports.page import comparison_page
from training.tracking.artifact_seals import log_sealed, log_sealed_text
from training.tracking.client import EXPERIMENT, NAME, check_reachable, connect, is_server, library
from training.tracking.pages import ABOUT, COMPARISON, ROLE, describe_dataset, describe_report, log_report
from training.tracking.portable_model import log_portable_model
from training.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    DRIFT,
    FOLDER,
    JUDGED,
    JUDGED_MARK,
    MARK,
    RISKS,
    TEST_SET,
    aliased,
    find,
    holds,
    note,
    register,
    registered_version,
)
from training.tracking.sweep import UNREGISTERED, registered, sweep

if TYPE_CHECKING:  # recording needs none of the libraries that a training needs
    from training.fitting.train import JudgedCandidate, Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What is recorded beside a training.

    Attributes:
        params: shown with those of the candidates.
        code_version: of the code that trained.
        tags: of run and version.
        reference: stored to measure drift against.
        owner: whose training it is; what a kill left of an earlier one of the same owner is removed.
    """

    params: Mapping[str, str | int | float] = field(default_factory=dict)
    code_version: str = "unknown"
    tags: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    owner: str = ""


def record(
    uri: str, artifact_root: Path, trained: "Trained", context: RunContext | None = None, *, sign: Sign | None = None
) -> int:
    """Log a training and register our model as a new version with the alias `challenger`.

    The same training recorded twice gives one version. A stored model that was damaged is written again, and with
    `sign` it is signed, also where it was not the first time.

    Args:
        uri: such as `sqlite:///.../mlflow.db`.
        artifact_root: a folder beside it.
        trained: the training.
        context: what is recorded beside it.
        sign: signs the model's folder.

    Returns:
        The version.
    """
    context = context or RunContext()
    client = connect(uri)
    key = fingerprint(trained.final)
    version = find(client, key)
    if version is None:
        experiment = _experiment(client, uri, artifact_root)
        sweep(client, experiment, context.owner)
        marks = _tags(trained, context.code_version) | dict(context.tags)
        logged = replace(context, tags=marks | {UNREGISTERED: context.owner})
        run, model = _log(experiment, trained, logged, sign)
        version = register(client, run, model, marks, describe_report(trained.report))
        client.update_run(run, name=f"version {version}, as of {trained.as_of:%Y-%m-%d %H:%M}")
        registered(client, run)
    else:
        note(uri, version, context.tags)
        if not holds(uri, version):
            _log_folders(client, registered_version(client, version).run_id, trained, sign)
        elif sign is not None:
            _log_signatures(client, registered_version(client, version).run_id, trained, sign)
    if aliased(client, CHAMPION) != version:
        client.set_registered_model_alias(NAME, CHALLENGER, str(version))
    return version


def _experiment(client: Any, uri: str, artifact_root: Path) -> str:
    """The id of our experiment, which is made if it is not there.

    A database has its files beside it; a server keeps them itself, so that every machine reaches them.

    Raises:
        InputError: a server sends its clients to a folder of its own machine.
    """
    stored = client.get_experiment_by_name(EXPERIMENT)
    if stored is None:
        location = None
        if not is_server(uri):
            artifact_root.mkdir(parents=True, exist_ok=True)
            location = artifact_root.resolve().as_uri()
        stored = client.get_experiment(client.create_experiment(EXPERIMENT, artifact_location=location, tags=ABOUT))
    check_reachable(uri, stored.artifact_location)
    for name in ABOUT:
        if stored.tags.get(name) != ABOUT[name]:
            client.set_experiment_tag(stored.experiment_id, name, ABOUT[name])
    return str(stored.experiment_id)


def _log(experiment: str, trained: "Trained", context: RunContext, sign: Sign | None) -> tuple[str, str]:
    """Log the parent run and its children; returns the ids of the run and of its logged model."""
    mlflow = library()
    name, description = f"train {trained.as_of:%Y-%m-%d %H:%M}", describe_report(trained.report)
    own = {**context.tags, ROLE: "candidate"}
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=own, description=description) as run:
        ours = trained.candidates[OURS]
        chosen = {**ours.fitted.parameters, "seed": trained.seed, "features": len(trained.model.features)}
        plan = {
            f"plan.{name}": str(value) for name, value in json.loads(trained.model.origin.get("plan", "{}")).items()
        }
        held_out = {"split": trained.split.test.name, "campaigns_held_out": len(trained.split.held_out)}
        planting = {"planting": trained.model.origin.get("planting", "none")}
        mlflow.log_params({**context.params, **plan, **planting, **chosen, **trained.counts, **held_out})
        client = mlflow.MlflowClient()
        log_report(client, run.info.run_id, ours.report)
        client.log_inputs(run.info.run_id, datasets=list(_learned_from(trained)))
        _pictures(mlflow, trained)
        mlflow.log_text(comparison_page(trained.reports), COMPARISON)
        _log_folders(client, run.info.run_id, trained, sign)
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            write_test_set(trained.split.test, Path(scratch))
            mlflow.log_artifacts(scratch, TEST_SET)
        _log_risks(client, run.info.run_id, trained)
        if context.reference is not None:
            log_sealed_text(client, run.info.run_id, context.reference.model_dump_json(indent=1), DRIFT)
        logged = log_portable_model(trained.final, sign)
        for rival, judged in trained.candidates.items():
            if rival != OURS:
                _child(mlflow, experiment, rival, judged, {k: v for k, v in context.tags.items() if k != UNREGISTERED})
        return str(run.info.run_id), str(logged.model_id)


def _learned_from(trained: "Trained") -> Iterator[Any]:
    """What our model learned from, as inputs of its run."""
    counts, digests = trained.counts, trained.digests
    yield describe_dataset("accounts up to the training time", digests["train"], "training", counts["train_accounts"])
    if "planted" in digests:
        yield describe_dataset("planted campaigns", digests["planted"], "training", counts["train_planted"])


def _log_risks(client: Any, run: str, trained: "Trained") -> None:
    """What each candidate gave each account of the test set, so that any two can be compared on the same accounts."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        trained.risks.write_parquet(f"{scratch}/{RISKS}")
        log_sealed(client, run, Path(scratch) / RISKS)


def _log_folders(client: Any, run: str, trained: "Trained", sign: Sign | None) -> None:
    for name, model in ((FOLDER, trained.final), (JUDGED, trained.model)):
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            save(model, Path(scratch) / name, sign)
            client.log_artifacts(run, f"{scratch}/{name}", name)


def _log_signatures(client: Any, run: str, trained: "Trained", sign: Sign) -> None:
    """The signatures alone: a kill while the other files are written again would cost a model that is in use."""
    for name, model in ((FOLDER, trained.final), (JUDGED, trained.model)):
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            save(model, Path(scratch) / name, sign)
            client.log_artifact(run, f"{scratch}/{name}/{SIGNATURE}", name)


def _tags(trained: "Trained", code_version: str) -> dict[str, str]:
    digests = {f"digest_{name}": value for name, value in trained.digests.items()}
    training = {"as_of": trained.as_of.isoformat(), "code_version": code_version}
    marks = {MARK: fingerprint(trained.final), JUDGED_MARK: fingerprint(trained.model)}
    return {**training, **marks, **digests}


def _pictures(mlflow: Any, trained: "Trained") -> None:
    from training.reports import plots  # slow to import, and only a training draws

    label = targets(trained.split.test.frame)
    risks = {name: judged.risk for name, judged in trained.candidates.items()}
    model = trained.final
    drawn = plots.plots(label, risks, trained.reports, model.features, model.importance())
    for name, figure in drawn.items():
        mlflow.log_figure(figure, f"plots/{name}.png")


def _child(mlflow: Any, experiment: str, name: str, judged: "JudgedCandidate", tags: Mapping[str, str]) -> None:
    own = {**tags, ROLE: "rival"}
    about = f"A rival that learned from the same examples as our model. {describe_report(judged.report)}"
    options = {"run_name": name, "nested": True, "tags": own, "description": about}
    with mlflow.start_run(experiment_id=experiment, **options) as run:
        mlflow.log_params(dict(judged.fitted.parameters))
        log_report(mlflow.MlflowClient(), run.info.run_id, judged.report)
