"""Trainings on a tracking server that several machines share: MLflow's own server over HTTP, and two workspaces."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.models.champion import champion_model
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.process import free_port, server_process
from training import tracking
from training.examples.dataset import matrix
from training.fitting.train import Trained
from training.gate.promotion import Decision

HOST = "127.0.0.1"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that keeps the files itself; the settings name it."""
    folder, port = tmp_path / "server", free_port(HOST)
    folder.mkdir()
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    call = [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts"),
        *("--artifacts-destination", str(folder / "files")),
    ]
    address = f"http://{HOST}:{port}"
    with server_process(call, f"{address}/health", folder / "log"):
        monkeypatch.setenv("STILLWATCH_TRACKING_URI", address)
        settings.cache_clear()
        yield address
    settings.cache_clear()


def test_what_one_machine_trained_another_scores_with_and_judges_by(
    server: str, trained: Trained, tmp_path: Path
) -> None:
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    assert first.tracking_uri == second.tracking_uri == server
    version = tracking.record(first.tracking_uri, first.artifacts, trained)
    tracking.record_promotion(server, version, Decision(True, ("First.",)))
    assert not first.root.exists(), "all files went to the server"
    assert list((tmp_path / "server" / "files").rglob("model_label/label.json"))
    rows = matrix(trained.split.test.frame, trained.final.features)
    model = champion_model(second, is_current=False)
    assert np.array_equal(model.predict(rows), trained.final.predict(rows))
    assert tracking.judged_on(server, version).digest == trained.split.test.digest
    assert tracking.rival_reports(server, version).keys() == {"volume_rule", "logistic_regression"}
    tracking.write_comparison(second.tracking_uri, version, Decision(True, ("First.",)))
    comparison = next((tmp_path / "server" / "files").rglob("comparison.html")).read_text(encoding="utf-8")
    assert "The gate promoted it." in comparison and not second.artifacts.exists()
    assert tracking.decided(server, version)[0]["reasons"] == ["First."]
