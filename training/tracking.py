"""Runs and registry in MLflow, and nothing of MLflow elsewhere.

One parent run for a training (parameters, digests, `test/...` figures, plots, the native model, our model
folder), one child run for each rival. A version is registered last, so that a kill leaves a run without a
version and never half a version; recording the same training again gives the version that is there.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from features.errors import InputError, IntegrityError
from training import figures
from training.dataset import digest, targets
from training.evaluate import Report
from training.model import Model, fingerprint, load, save
from training.promotion import Decision
from training.render import flat, render
from training.splits import Frozen
from training.train import OURS, Judged, Trained

NAME = "stillwatch"
EXPERIMENT = "stillwatch"
MARK = "model_sha256"
CHAMPION, CHALLENGER = "champion", "challenger"
FOLDER, REPORT, DECISION, TEST_SET = "model_label", "report.json", "decision.json", "test_set.parquet"
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def _mlflow() -> Any:
    """The library, imported late (it takes seconds), quiet, and with telemetry off."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


def _client(uri: str) -> Any:
    mlflow = _mlflow()
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


def record(
    uri: str,
    artifact_root: Path,
    trained: Trained,
    *,
    params: Mapping[str, str | int | float] | None = None,
    code_version: str = "unknown",
) -> int:
    """Log a training and register our model as a new version with the alias `challenger`; returns the
    version.

    `uri` such as `sqlite:///.../mlflow.db`, `artifact_root` a folder beside it; `params` are shown with
    those of the candidates. The same training recorded twice gives one version.
    """
    client = _client(uri)
    key = fingerprint(trained.model)
    version = _find(client, key)
    if version is None:
        experiment = _experiment(client, artifact_root)
        _sweep(client, experiment, key)
        run, model = _log(experiment, trained, dict(params or {}), code_version)
        version = _register(client, run, model, trained, code_version)
    if _alias(client, CHAMPION) != version:
        client.set_registered_model_alias(NAME, CHALLENGER, str(version))
    return version


def champion(uri: str) -> tuple[int, Report] | None:
    """The champion's version and the report it was registered with; None without a champion."""
    client = _client(uri)
    version = _alias(client, CHAMPION)
    return None if version is None else (version, report(uri, version))


def challenger(uri: str) -> int | None:
    """The version that waits at the gate, if any."""
    return _alias(_client(uri), CHALLENGER)


def latest_version(uri: str) -> int | None:
    """The highest registered version; None without one."""
    found = _client(uri).search_model_versions(f"name='{NAME}'")
    return max((int(v.version) for v in found), default=None)


def report(uri: str, version: int) -> Report:
    """The report a version was registered with. Raises `InputError` for an unknown version."""
    with _download(uri, version, REPORT) as path:
        return Report.model_validate_json(path.read_bytes())


def fetch(uri: str, version: int, folder: Path) -> Path:
    """Download a version's model folder to `folder` (new or empty), checked, labelled with its version.

    Raises `InputError` for an unknown version, `IntegrityError` for a model that is not what its label says
    or not what was registered.
    """
    client = _client(uri)
    registered = _version(client, version)
    with _download(uri, version, FOLDER) as path:
        model = load(path)
        if registered.tags.get(MARK) != fingerprint(model):
            raise IntegrityError(f"Version {version} of {NAME} is not what was registered: train again.")
        save(replace(model, version=str(version)), folder)
    return folder


def is_registered(uri: str, version: int, model: Model) -> bool:
    """Is this, as `fetch` labelled it, the model that was registered under the version?"""
    plain = replace(model, version=Model.version)
    return model.version == str(version) and _version(_client(uri), version).tags.get(MARK) == fingerprint(plain)


def judged_on(uri: str, version: int) -> Frozen:
    """The frozen test set that a version was judged on, so that another one can be judged on it too."""
    known = report(uri, version)
    with _download(uri, version, TEST_SET) as path:
        frame = pl.read_parquet(path)
    if digest(frame) != known.test_digest:
        raise IntegrityError(f"The test set of version {version} of {NAME} was changed: train again.")
    return Frozen(known.test_name, frame, known.test_digest)


def promote(uri: str, version: int, decision: Decision) -> bool:
    """Record the gate's decision with the version and, if it says so, make it the champion; returns whether
    it is.

    The record is written first and the alias moved in one step, so a kill between leaves the old champion.
    """
    client = _client(uri)
    registered = _version(client, version)
    client.log_text(registered.run_id, json.dumps(asdict(decision), indent=2), DECISION)
    verdict = "promoted" if decision.promote else "kept out"
    client.set_model_version_tag(NAME, str(version), "gate", verdict)
    client.set_model_version_tag(NAME, str(version), "gate_reasons", " ".join(decision.reasons)[:4000])
    if decision.promote:
        client.set_registered_model_alias(NAME, CHAMPION, str(version))
        if _alias(client, CHALLENGER) == version:
            client.delete_registered_model_alias(NAME, CHALLENGER)
    return decision.promote


def _find(client: Any, key: str) -> int | None:
    found = client.search_model_versions(f"name='{NAME}'")
    return max((int(v.version) for v in found if v.tags.get("model_sha256") == key), default=None)


def _alias(client: Any, alias: str) -> int | None:
    """The version of an alias (asked by alias: a search returns versions without them)."""
    from mlflow.exceptions import MlflowException

    try:
        return int(client.get_model_version_by_alias(NAME, alias).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _version(client: Any, version: int) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(NAME, str(version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise InputError(
            f"There is no version {version} of {NAME} in the registry: train first, or name another."
        ) from error


def _experiment(client: Any, artifact_root: Path) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    artifact_root.mkdir(parents=True, exist_ok=True)
    return str(client.create_experiment(EXPERIMENT, artifact_location=artifact_root.resolve().as_uri()))


def _sweep(client: Any, experiment: str, key: str) -> None:
    """Remove the runs of this very training that a kill left without a version."""
    for run in client.search_runs([experiment], filter_string=f"tags.model_sha256 = '{key}'"):
        client.delete_run(run.info.run_id)


def _log(experiment: str, trained: Trained, params: dict[str, str | int | float], code_version: str) -> tuple[str, str]:
    """Log the parent run and its children; returns the ids of the run and of its logged model."""
    mlflow = _mlflow()
    with mlflow.start_run(experiment_id=experiment, run_name=f"train {trained.as_of:%Y-%m-%d %H:%M}") as run:
        mlflow.set_tags(_tags(trained, code_version) | {"role": "candidate"})
        ours = trained.candidates[OURS]
        chosen = {**ours.parameters, "seed": trained.seed, "features": len(trained.model.features)}
        mlflow.log_params({**params, **chosen, **trained.counts})
        mlflow.log_metrics(flat(ours.report))
        _pictures(mlflow, trained)
        mlflow.log_text(ours.report.model_dump_json(indent=2), REPORT)
        mlflow.log_text(render(trained.reports) + "\n", "comparison.txt")
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            save(trained.model, Path(scratch) / FOLDER)
            mlflow.log_artifacts(f"{scratch}/{FOLDER}", FOLDER)
            trained.split.test.frame.write_parquet(f"{scratch}/{TEST_SET}")
            mlflow.log_artifact(f"{scratch}/{TEST_SET}")
        logged = mlflow.lightgbm.log_model(
            trained.model.booster,
            name="model",
            signature=_signature(trained.model.features),
            pip_requirements=["lightgbm>=4.6", "numpy>=2.2"],
        )
        for rival, judged in trained.candidates.items():
            if rival != OURS:
                _child(mlflow, experiment, rival, judged, _tags(trained, code_version))
        return str(run.info.run_id), str(logged.model_id)


def _signature(features: Sequence[str]) -> Any:
    """Named features in, an uncalibrated probability out: MLflow shows it and checks what it is sent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(Schema([ColSpec("double", name) for name in features]), Schema([ColSpec("double")]))


def _tags(trained: Trained, code_version: str) -> dict[str, str]:
    digests = {f"digest_{name}": value for name, value in trained.digests.items()}
    known = {"as_of": trained.as_of.isoformat(), "code_version": code_version}
    return {**known, "model_sha256": fingerprint(trained.model), **digests}


def _pictures(mlflow: Any, trained: Trained) -> None:
    label = targets(trained.split.test.frame)
    risks = {name: judged.risk for name, judged in trained.candidates.items()}
    model = trained.model
    drawn = figures.plots(label, risks, trained.reports, model.features, model.importance())
    for name, figure in drawn.items():
        mlflow.log_figure(figure, f"plots/{name}.png")


def _child(mlflow: Any, experiment: str, name: str, judged: Judged, tags: dict[str, str]) -> None:
    with mlflow.start_run(experiment_id=experiment, run_name=name, nested=True):
        mlflow.set_tags(tags | {"role": "rival"})
        mlflow.log_params(dict(judged.parameters))
        mlflow.log_metrics(flat(judged.report))
        mlflow.log_text(judged.report.model_dump_json(indent=2), REPORT)


def _register(client: Any, run: str, model: str, trained: Trained, code_version: str) -> int:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, description="Risk that an account takes part in a distillation campaign")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = _tags(trained, code_version)
    made = client.create_model_version(
        NAME,
        source=f"models:/{model}",
        run_id=run,
        model_id=model,
        tags=tags,
        description=render({OURS: trained.report}),
    )
    return int(made.version)


@contextmanager
def _download(uri: str, version: int, path: str) -> Iterator[Path]:
    """A file or folder of a version's run, in a folder that is removed afterwards."""
    client = _client(uri)
    run = _version(client, version).run_id
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        try:
            found = Path(client.download_artifacts(run, path, scratch))
        except Exception as error:
            raise IntegrityError(f"Version {version} of {NAME} has lost its {path}: train again.") from error
        yield found
