"""The page of runs and models: MLflow's own server on this machine, over the workspace's store."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from features.errors import InputError, StillwatchError
from pipelines.workspace import Workspace
from serving.process import check_port, last_words, server_process
from training import tracking

BACKEND = "MLFLOW_BACKEND_STORE_URI"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def serve_runs(workspace: Workspace, host: str, port: int) -> None:
    """Serve the runs until Ctrl-C or SIGTERM, and print their address; the server logs to `ui.log`.

    Raises:
        InputError: the port is taken, there is no run yet, or another server has the runs.
        StillwatchError: MLflow did not start, or ended by itself.
    """
    uri = workspace.tracking_uri
    if uri.startswith(("http:", "https:")):
        raise InputError("STILLWATCH_TRACKING_URI names a server of its own: open its address in a browser.")
    check_port(host, port)
    page = tracking.runs_page(uri)
    if page is None:
        raise InputError(f"{workspace.root} has no runs yet: run `stillwatch retrain` (or `train`) first.")
    address, log = f"http://{_in_url(host)}:{port}", workspace.root / "ui.log"
    workspace.root.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    for stop in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: Polars' handler would let a wait go on
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt), _store(uri) as store:
        with server_process(_command(workspace, store, host, port), f"{address}/health", log) as server:
            print(f"MLflow: {address}/{page}\nCtrl-C stops it.", flush=True)
            server.wait()
        raise StillwatchError(f"MLflow ended: {last_words(log)}")


@contextmanager
def _store(uri: str) -> Iterator[Path]:
    """Write the backend's address, which may hold a password, to a private file: all users can read command lines."""
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        store = Path(scratch) / "store.env"
        quoted = uri.replace("\\", "\\\\").replace("'", "\\'")
        store.write_text(f"{BACKEND}='{quoted}'\n", encoding="utf-8")
        yield store


def _command(workspace: Workspace, store: Path, host: str, port: int) -> list[str]:
    """Build the command line of MLflow's server."""
    names = dict.fromkeys((*LOOPBACK, _in_url(host), *((socket.gethostname(),) if host not in LOOPBACK else ())))
    return [
        *("env", "-u", BACKEND, "-u", "MLFLOW_REGISTRY_STORE_URI"),  # a user's own variables would override the file
        *(sys.executable, "-m", "mlflow", "--env-file", str(store), "server"),
        *("--host", host, "--port", str(port), "--workers", "1"),
        *("--default-artifact-root", workspace.artifacts.resolve().as_uri(), "--no-serve-artifacts"),
        *("--allowed-hosts", ",".join(f"{name}:{port}" for name in names)),
    ]


def _in_url(host: str) -> str:
    """Put an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
