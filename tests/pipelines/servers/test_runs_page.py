"""`stillwatch ui`: MLflow's real server over a workspace, and when it is refused."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.workspace import Workspace
from serving.process import free_port

HOST = "127.0.0.1"


def ask(port: int, path: str, host: str = "", key: str | None = "", method: str = "GET") -> http.client.HTTPResponse:
    """Ask with the key of the fixture `key`, another one, or none."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    shown = {} if key is None else {"authorization": f"Bearer {key or KEYS['admin']}"}
    connection.request(method, path, headers={"Host": host or f"{HOST}:{port}"} | shown)
    return connection.getresponse()


KEYS: dict[str, str] = {}  # by scope, of the server that runs


def calls() -> bytes:
    """The command lines of all processes."""
    lines = b""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended since
            lines += file.read_bytes()
    return lines


@pytest.fixture
def port() -> int:
    return free_port(HOST)


@pytest.fixture
def _keys(filled_workspace: Path) -> Iterator[None]:
    """A key of the scope admin, and one of another."""
    stored, now = Workspace(filled_workspace).access_keys, datetime.now(UTC)
    for scope in ("admin", "metrics"):
        KEYS[scope], _ = stored.create(scope, [scope], now)
    yield
    stored.path.unlink()


@pytest.fixture
def server(
    filled_workspace: Path, command: list[str], port: int, tmp_path: Path, _keys: None
) -> Iterator[subprocess.Popen[str]]:
    (filled_workspace / "ui.log").unlink(missing_ok=True)
    call = [*command, "ui", "--port", str(port), "--workspace", str(filled_workspace)]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("STILLWATCH_", "MLFLOW_"))}
    other = f"sqlite:///{tmp_path}/other.db"  # somebody's own setting: not what is shown
    own |= {"MLFLOW_BACKEND_STORE_URI": other, "MLFLOW_REGISTRY_STORE_URI": other}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=own) as process:
        yield process
        process.terminate()


def test_it_prints_the_page_of_the_runs_and_serves_them_and_ctrl_c_ends_it_with_0(
    filled_workspace: Path, server: subprocess.Popen[str], port: int
) -> None:
    assert server.stdout is not None
    result = server.stdout.readline()
    assert result.startswith(f"MLflow: http://{HOST}:{port}/#/experiments/")
    assert ask(port, "/").status == 200
    for method, path in (("GET", "/"), ("GET", "/static-files/x.js"), ("POST", "/api/2.0/mlflow/runs/delete")):
        assert ask(port, path, key=None, method=method).status == 401
        assert ask(port, path, key=KEYS["metrics"], method=method).status == 403
    assert f"{filled_workspace}/mlruns/mlflow.db".encode() not in calls()  # the backend's address may hold a password
    experiment = json.load(ask(port, "/api/2.0/mlflow/experiments/get-by-name?experiment_name=stillwatch"))
    assert f"/experiments/{experiment['experiment']['experiment_id']}/runs" in result
    run = json.load(ask(port, "/api/2.0/mlflow/registered-models/alias?name=stillwatch&alias=champion"))
    artifact = f"/get-artifact?run_uuid={run['model_version']['run_id']}&path=comparison.html"
    assert b"Comparison of models" in ask(port, artifact).read()
    assert json.load(ask(port, "/ajax-api/3.0/mlflow/ui-telemetry"))["disable_ui_telemetry"] is True
    for name in ("192.168.0.7:5000", "rebound.example.org", f"{HOST}:1"):
        assert ask(port, "/api/2.0/mlflow/experiments/search?max_results=1", name).status == 403
    assert ask(port, "/", f"localhost:{port}").status == 200
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 0
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


def test_sigterm_while_it_starts_ends_it_with_0_and_leaves_nothing(
    filled_workspace: Path, server: subprocess.Popen[str], port: int
) -> None:
    while not (filled_workspace / "ui.log").exists():
        assert server.poll() is None
        time.sleep(0.05)
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


def test_a_page_that_nobody_could_see_is_not_served(stillwatch: Callable, filled_workspace: Path, port: int) -> None:
    result = stillwatch("ui", "--port", port, "--workspace", filled_workspace)
    assert result.returncode == 2
    assert "no valid access key" in result.stderr and "opens the scope admin" in result.stderr


def test_a_port_that_is_taken_is_refused(stillwatch: Callable, filled_workspace: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        result = stillwatch("ui", "--port", taken.getsockname()[1], "--workspace", filled_workspace)
    assert result.returncode == 2
    assert "can't be used" in result.stderr and "--port" in result.stderr


def test_a_workspace_without_runs_is_refused_and_stays_as_it_is(
    stillwatch: Callable, tmp_path: Path, port: int
) -> None:
    (tmp_path / "none" / "lake").mkdir(parents=True)
    result = stillwatch("ui", "--port", port, "--workspace", tmp_path / "none")
    assert result.returncode == 2
    assert "has no runs yet: run `stillwatch retrain`" in result.stderr
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["lake"]


def test_runs_on_another_server_are_not_served_again(stillwatch: Callable, tmp_path: Path, port: int) -> None:
    (tmp_path / "workspace" / "lake").mkdir(parents=True)
    result = stillwatch("ui", "--port", port, STILLWATCH_TRACKING_URI="https://mlflow.example.org")
    assert result.returncode == 2
    assert "open its address in a browser" in result.stderr
