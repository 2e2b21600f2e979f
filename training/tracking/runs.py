"""What a training leaves in MLflow.

One parent run for a training (parameters, digests, `test/...` figures, plots, the native model, our model
folder), one child run for each rival. A version is registered last, so that a kill leaves a run without a
version and never half a version; recording the same training again gives the version that is there.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.evaluation.drift import Reference
from training.examples.dataset import targets
from training.examples.test_set import write_test_set
from training.fitting.train import OURS, JudgedCandidate, Trained
from training.models.artifact import SIGNATURE, Sign
from training.models.model import Model, fingerprint, save
from training.reports import plots
from training.reports.page import page
from training.tracking.client import EXPERIMENT, NAME, connect, library
from training.tracking.pages import ABOUT, COMPARISON, ROLE, describe, log_report
from training.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    DRIFT,
    FOLDER,
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


def record(
    uri: str,
    artifact_root: Path,
    trained: Trained,
    *,
    params: Mapping[str, str | int | float] | None = None,
    code_version: str = "unknown",
    tags: Mapping[str, str] | None = None,
    reference: Reference | None = None,
    owner: str = "",
    sign: Sign | None = None,
) -> int:
    """Log a training and register our model as a new version with the alias `challenger`; returns the
    version.

    `uri` such as `sqlite:///.../mlflow.db`, `artifact_root` a folder beside it; `params` are shown with
    those of the candidates, `tags` with run and version, `reference` is kept to measure drift against. What a kill left
    of an earlier training of the same `owner` is removed. The same training recorded twice gives one version; a stored
    model that was damaged is written again, and with `sign` it is signed, also where it was not the first time.
    """
    client = connect(uri)
    key = fingerprint(trained.model)
    version = find(client, key)
    if version is None:
        experiment = _experiment(client, artifact_root)
        sweep(client, experiment, owner)
        marks = _tags(trained, code_version) | dict(tags or {})
        run, model = _log(experiment, trained, dict(params or {}), marks | {UNREGISTERED: owner}, reference, sign)
        version = register(client, run, model, marks, describe(trained.report))
        client.update_run(run, name=f"version {version}, as of {trained.as_of:%Y-%m-%d %H:%M}")
        registered(client, run)
    else:
        note(uri, version, tags or {})
        if not holds(uri, version):
            _log_folder(client, registered_version(client, version).run_id, trained.model, sign)
        elif sign is not None:
            _log_signature(client, registered_version(client, version).run_id, trained.model, sign)
    if aliased(client, CHAMPION) != version:
        client.set_registered_model_alias(NAME, CHALLENGER, str(version))
    return version


def _experiment(client: Any, artifact_root: Path) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        for name in ABOUT.keys() - found.tags.keys():
            client.set_experiment_tag(found.experiment_id, name, ABOUT[name])
        return str(found.experiment_id)
    artifact_root.mkdir(parents=True, exist_ok=True)
    place = artifact_root.resolve().as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=place, tags=ABOUT))


def _log(
    experiment: str,
    trained: Trained,
    params: Mapping[str, str | int | float],
    tags: Mapping[str, str],
    reference: Reference | None = None,
    sign: Sign | None = None,
) -> tuple[str, str]:
    """Log the parent run and its children; returns the ids of the run and of its logged model."""
    mlflow = library()
    name, told = f"train {trained.as_of:%Y-%m-%d %H:%M}", describe(trained.report)
    own = {**tags, ROLE: "candidate"}
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=own, description=told) as run:
        ours = trained.candidates[OURS]
        chosen = {**ours.fitted.parameters, "seed": trained.seed, "features": len(trained.model.features)}
        plan = {
            f"plan.{name}": str(value) for name, value in json.loads(trained.model.origin.get("plan", "{}")).items()
        }
        mlflow.log_params({**params, **plan, **chosen, **trained.counts})
        client = mlflow.MlflowClient()
        log_report(client, run.info.run_id, ours.report)
        _pictures(mlflow, trained)
        mlflow.log_text(page(trained.reports), COMPARISON)
        _log_folder(client, run.info.run_id, trained.model, sign)
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            write_test_set(trained.split.test, Path(scratch))
            mlflow.log_artifacts(scratch, TEST_SET)
        _log_risks(mlflow, trained)
        if reference is not None:
            mlflow.log_text(reference.model_dump_json(indent=1), DRIFT)
        logged = mlflow.lightgbm.log_model(
            trained.model.booster,
            name="model",
            signature=_signature(trained.model.features),
            pip_requirements=["lightgbm>=4.6", "numpy>=2.2"],
        )
        for rival, judged in trained.candidates.items():
            if rival != OURS:
                _child(mlflow, experiment, rival, judged, {k: v for k, v in tags.items() if k != UNREGISTERED})
        return str(run.info.run_id), str(logged.model_id)


def _log_risks(mlflow: Any, trained: Trained) -> None:
    """What each candidate gave each account of the test set, so that any two can be compared on the same accounts."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        trained.risks.write_parquet(f"{scratch}/{RISKS}")
        mlflow.log_artifact(f"{scratch}/{RISKS}")


def _log_folder(client: Any, run: str, model: Model, sign: Sign | None) -> None:
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        save(model, Path(scratch) / FOLDER, sign)
        client.log_artifacts(run, f"{scratch}/{FOLDER}", FOLDER)


def _log_signature(client: Any, run: str, model: Model, sign: Sign) -> None:
    """The signature alone: a kill while the other files are written again would cost a model that is in use."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        save(model, Path(scratch) / FOLDER, sign)
        client.log_artifact(run, f"{scratch}/{FOLDER}/{SIGNATURE}", FOLDER)


def _signature(features: Sequence[str]) -> Any:
    """Named features in, an uncalibrated probability out: MLflow shows it and checks what it is sent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(Schema([ColSpec("double", name) for name in features]), Schema([ColSpec("double")]))


def _tags(trained: Trained, code_version: str) -> dict[str, str]:
    digests = {f"digest_{name}": value for name, value in trained.digests.items()}
    known = {"as_of": trained.as_of.isoformat(), "code_version": code_version}
    return {**known, MARK: fingerprint(trained.model), **digests}


def _pictures(mlflow: Any, trained: Trained) -> None:
    label = targets(trained.split.test.frame)
    risks = {name: judged.risk for name, judged in trained.candidates.items()}
    model = trained.model
    drawn = plots.plots(label, risks, trained.reports, model.features, model.importance())
    for name, estimate in drawn.items():
        mlflow.log_figure(estimate, f"plots/{name}.png")


def _child(mlflow: Any, experiment: str, name: str, judged: JudgedCandidate, tags: Mapping[str, str]) -> None:
    own = {**tags, ROLE: "rival"}
    with mlflow.start_run(experiment_id=experiment, run_name=name, nested=True, tags=own) as run:
        mlflow.log_params(dict(judged.fitted.parameters))
        log_report(mlflow.MlflowClient(), run.info.run_id, judged.report)
