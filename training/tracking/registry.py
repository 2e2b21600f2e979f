"""The registry: versions with their reports, the aliases `champion` and `challenger`."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from features.errors import InputError, IntegrityError
from training.evaluation.drift import Reference
from training.evaluation.report import Report, read_report
from training.examples.test_set import FRAME, TestSet, read_test_set
from training.models.artifact import Prove, copy_model, read_signature
from training.models.model import Model, fingerprint, load
from training.tracking.artifact_seals import check_seal
from training.tracking.client import NAME, connect

MARK, JUDGED_MARK = "model_sha256", "judged_model_sha256"
LONGEST = 4000  # of a tag
CHAMPION, CHALLENGER = "champion", "challenger"
INPUTS = "inputs"  # a tag: digest of all that a training depends on
FOLDER, JUDGED, REPORT, DECISION, TEST_SET = "model_label", "judged_model", "report.json", "decision.json", "test_set"
RISKS, DRIFT = "risks.parquet", "drift_reference.json"


def champion(uri: str) -> tuple[int, Report] | None:
    """The champion's version and the report it was registered with; None without a champion."""
    version = champion_version(uri)
    return None if version is None else (version, report(uri, version))


def champion_version(uri: str) -> int | None:
    """The champion's version, if there is one."""
    return aliased(connect(uri), CHAMPION)


def challenger(uri: str) -> int | None:
    """The version that waits at the gate, if any."""
    return aliased(connect(uri), CHALLENGER)


def latest_version(uri: str) -> int | None:
    """The highest registered version; None without one."""
    versions = connect(uri).search_model_versions(f"name='{NAME}'")
    return max((int(v.version) for v in versions), default=None)


def report(uri: str, version: int) -> Report:
    """The report a version was registered with. Raises `InputError` for an unknown version."""
    with downloaded(uri, version, REPORT) as path:
        return read_report(path.read_bytes())


def made_from(uri: str, inputs: str) -> int | None:
    """The version made from these very inputs, if any; unless it is the champion, it waits at the gate again."""
    client = connect(uri)
    versions = client.search_model_versions(f"name='{NAME}'")
    version = max((int(v.version) for v in versions if v.tags.get(INPUTS) == inputs), default=None)
    if version is not None and aliased(client, CHAMPION) != version:
        client.set_registered_model_alias(NAME, CHALLENGER, str(version))
    return version


def counts(uri: str, version: int) -> dict[str, int]:
    """The numbers of a version's training, such as `train_accounts`."""
    client = connect(uri)
    params = client.get_run(registered_version(client, version).run_id).data.params
    return {name: int(value) for name, value in params.items() if name.startswith(("train_", "test_"))}


def rival_reports(uri: str, version: int) -> dict[str, Report]:
    """The reports of the rivals that were judged with a version."""
    client = connect(uri)
    run = client.get_run(registered_version(client, version).run_id)
    own = f"tags.mlflow.parentRunId = '{run.info.run_id}' and tags.role = 'rival'"
    children = client.search_runs([run.info.experiment_id], own)
    reports = {}
    for child in sorted(children, key=lambda child: child.info.start_time):
        with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
            path = Path(client.download_artifacts(child.info.run_id, REPORT, scratch))
            check_seal(client, child.info.run_id, path)
            reports[str(child.info.run_name)] = read_report(path.read_bytes())
    return reports


def risks(uri: str, version: int) -> pl.DataFrame:
    """What a version and its rivals gave each account of its test set; raises `IntegrityError` if it can't be read."""
    lost = IntegrityError(
        f"Version {version} of {NAME} has lost the risks that it was judged by ({RISKS}): train again."
    )
    if not _holds(uri, version, RISKS):
        raise lost
    try:
        with downloaded(uri, version, RISKS) as path:
            return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError, IntegrityError) as error:
        raise lost from error


def drift_reference(uri: str, version: int) -> Reference | None:
    """What drift since a version's training is measured against; None if it was not recorded or by another format.

    Raises `IntegrityError` if it can't be read.
    """
    if not _holds(uri, version, DRIFT):
        return None
    try:
        with downloaded(uri, version, DRIFT) as path:
            plain = json.loads(path.read_bytes())
            is_known = plain["format"] == Reference.model_fields["format"].default
            return Reference.model_validate(plain) if is_known else None
    except (ValueError, KeyError, TypeError, IntegrityError) as error:
        raise IntegrityError(
            f"Version {version} of {NAME} has a damaged {DRIFT}, so drift can't be measured: promote a version "
            "that was trained anew."
        ) from error


def tags(uri: str, version: int) -> dict[str, str]:
    """The tags of a version."""
    return dict(registered_version(connect(uri), version).tags)


def note(uri: str, version: int, tags: Mapping[str, str]) -> None:
    """Add tags to a version."""
    client = connect(uri)
    for name, value in tags.items():
        client.set_model_version_tag(NAME, str(version), name, value[:LONGEST])


def fetch(uri: str, version: int, folder: Path, prove: Prove | None = None, *, judged: bool = False) -> Path:
    """Download a version's model folder to `folder` (new or empty), checked, with its version beside it.

    If `judged`, it is the model that was judged, which knows nobody of the version's test set.

    Raises `InputError` for an unknown version, `IntegrityError` for a model that is not what its label says, not what
    was registered, or not signed as `prove` wants it.
    """
    registered = registered_version(connect(uri), version)
    name, mark = (JUDGED, JUDGED_MARK) if judged else (FOLDER, MARK)
    with downloaded(uri, version, name) as path:
        try:
            model = load(path, prove=prove)
        except IntegrityError as error:
            raise IntegrityError(f"version {version} of {NAME} in the registry can't be used: {error}") from error
        if registered.tags.get(mark) != fingerprint(model):
            raise IntegrityError(f"Version {version} of {NAME} is not what was registered: train again.")
        copy_model(path, folder, str(version))
    return folder


def holds(uri: str, version: int, prove: Prove | None = None, *, signed: bool = False) -> bool:
    """Are both stored models what was registered, as `prove` wants it if given, and signed at all if `signed`?"""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        try:
            final = fetch(uri, version, Path(scratch) / FOLDER, prove)
            as_judged = fetch(uri, version, Path(scratch) / JUDGED, prove, judged=True)
        except IntegrityError:
            return False
        return not signed or all(read_signature(folder) is not None for folder in (final, as_judged))


def is_registered(uri: str, version: int, model: Model) -> bool:
    """Is this, as `fetch` gave it its version, the model that was registered under it?"""
    registered = registered_version(connect(uri), version)
    return model.version == str(version) and registered.tags.get(MARK) == fingerprint(model)


def judged_on(uri: str, version: int) -> TestSet:
    """The test set that a version was judged on, with its notes, so that another version can be judged on it too."""
    judged = report(uri, version)
    with downloaded(uri, version, FRAME if judged.format == 1 else TEST_SET) as path:
        folder = path if path.is_dir() else path.parent
        return replace(read_test_set(folder, judged.test_name, judged.test_digest), notes=judged.notes)


def find(client: Any, key: str) -> int | None:
    """The version of the model with this fingerprint, if it is registered."""
    versions = client.search_model_versions(f"name='{NAME}'")
    return max((int(v.version) for v in versions if v.tags.get(MARK) == key), default=None)


def aliased(client: Any, alias: str) -> int | None:
    """The version of an alias (asked by alias: a search returns versions without them)."""
    from mlflow.exceptions import MlflowException

    try:
        return int(client.get_model_version_by_alias(NAME, alias).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def registered_version(client: Any, version: int) -> Any:
    """MLflow's record of a version. Raises `InputError` for an unknown one."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(NAME, str(version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise InputError(
            f"There is no version {version} of {NAME} in the registry: train first, or name another."
        ) from error


def register(client: Any, run: str, model: str, tags: Mapping[str, str], description: str) -> int:
    """Register a logged model as the next version; returns the version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, description="Risk that an account takes part in a distillation campaign")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        NAME, source=f"models:/{model}", run_id=run, model_id=model, tags=dict(tags), description=description
    )
    return int(made.version)


def _holds(uri: str, version: int, path: str) -> bool:
    client = connect(uri)
    return path in {file.path for file in client.list_artifacts(registered_version(client, version).run_id)}


@contextmanager
def downloaded(uri: str, version: int, path: str) -> Iterator[Path]:
    """A file or folder of a version's run, in a folder that is removed afterwards."""
    client = connect(uri)
    run = registered_version(client, version).run_id
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        try:
            local = Path(client.download_artifacts(run, path, scratch))
        except Exception as error:
            raise IntegrityError(f"Version {version} of {NAME} has lost its {path}: train again.") from error
        if local.is_file():
            check_seal(client, run, local)
        yield local
