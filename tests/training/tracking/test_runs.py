"""Trainings on a tracking server that several machines share: MLflow's own server over HTTP, and two workspaces."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.errors import StillwatchError
from pipelines.models.champion import champion_model
from pipelines.settings import settings
from pipelines.upkeep.proof import find_traces
from pipelines.workspace import Workspace
from serving.process import free_port, server_process
from training import tracking
from training.examples.dataset import matrix
from training.fitting.train import Trained
from training.gate.promotion import Decision
from training.tracking.client import EXPERIMENT, connect
from training.tracking.remote_erasure import erase_from_remote_runs

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(server_folder: Path) -> Iterator[str]:
    """The address of a server that keeps the files itself; the settings name it."""
    folder, port = server_folder, free_port(HOST)
    call = [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts"),
        *("--artifacts-destination", str(folder / "files")),
    ]
    address = f"http://{HOST}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
        with server_process(call, f"{address}/health", folder / "log"):
            patch.setenv("STILLWATCH_TRACKING_URI", address)
            settings.cache_clear()
            yield address
    settings.cache_clear()


def test_what_one_machine_trained_another_scores_with_and_judges_by(
    server: str, server_folder: Path, trained: Trained, tmp_path: Path
) -> None:
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    assert first.tracking_uri == second.tracking_uri == server
    version = tracking.record(first.tracking_uri, first.artifacts, trained)
    tracking.record_promotion(server, version, Decision(True, ("First.",)))
    assert not first.root.exists(), "all files went to the server"
    assert list((server_folder / "files").rglob("model_label/label.json"))
    rows = matrix(trained.split.test.frame, trained.final.features)
    model = champion_model(second, is_current=False)
    assert np.array_equal(model.predict(rows), trained.final.predict(rows))
    assert tracking.judged_on(server, version).digest == trained.split.test.digest
    assert tracking.rival_reports(server, version).keys() == {"volume_rule", "logistic_regression"}
    tracking.write_comparison(second.tracking_uri, version, Decision(True, ("First.",)))
    comparison = next((server_folder / "files").rglob("comparison.html")).read_text(encoding="utf-8")
    assert "The gate promoted it." in comparison and not second.artifacts.exists()
    assert tracking.decided(server, version)[0]["reasons"] == ["First."]


def test_who_is_forgotten_is_in_no_file_of_the_server_and_versions_can_still_be_judged(
    server: str, server_folder: Path, trained: Trained, tmp_path: Path
) -> None:
    version = tracking.record(server, tmp_path / "artifacts", trained)
    gone, files = trained.split.test.frame.filter("label")["account_id"][0], server_folder / "files"
    deleted = connect(server).create_run(connect(server).get_experiment_by_name(EXPERIMENT).experiment_id).info.run_id
    trained.risks.write_parquet(tmp_path / "risks.parquet")
    connect(server).log_artifact(deleted, str(tmp_path / "risks.parquet"))
    connect(server).delete_run(deleted)
    assert erase_from_remote_runs(server, tmp_path / "artifacts", ["nobody"]) == 0
    assert erase_from_remote_runs(server, tmp_path / "artifacts", [gone]) == 3
    assert find_traces(files, [gone]) == []
    judged = tracking.judged_on(server, version)
    assert judged.frame.equals(trained.split.test.frame.filter(pl.col("account_id") != gone))
    assert tracking.rival_reports(server, version)["volume_rule"].test_digest == judged.digest
    assert gone not in tracking.risks(server, version)["account_id"]
    assert erase_from_remote_runs(server, tmp_path / "artifacts", [gone]) == 0


def test_files_that_cannot_be_replaced_are_told_with_what_to_do(
    server: str, server_folder: Path, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking.record(server, tmp_path / "artifacts", trained)
    gone = trained.split.test.frame.filter("label")["account_id"][-1]
    (path,) = (server_folder / "files").rglob("test_set.parquet")
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    with pytest.raises(
        StillwatchError, match=r"may still name an account .* run it again, or delete test_set and risks"
    ):
        erase_from_remote_runs(server, tmp_path / "artifacts", [gone])
    path.write_bytes(content)
    with monkeypatch.context() as patch:  # a bucket that takes no second version of an object
        patch.setattr("training.tracking.remote_erasure._put", lambda *_arguments: None)
        with pytest.raises(StillwatchError, match=r"still name an account .* does not replace files: delete test_set"):
            erase_from_remote_runs(server, tmp_path / "artifacts", [gone])
    assert erase_from_remote_runs(server, tmp_path / "artifacts", [gone]) >= 2
