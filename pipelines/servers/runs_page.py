"""The page of runs and models: MLflow's own server on this machine, over the workspace's store."""

import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn

from features.errors import InputError, StillwatchError
from pipelines.servers.announced import AnnouncedServer
from pipelines.servers.endpoint import check_keys
from pipelines.servers.runs_proxy import ReverseProxy, guarded_pages
from pipelines.workspace import Workspace
from serving.access.tls import TlsFiles
from serving.process import check_port, last_words, server_process
from training import tracking

BACKEND = "MLFLOW_BACKEND_STORE_URI"
_STORE = "store.env"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class RunsRequest:
    """How to serve the page.

    Attributes:
        host: address to listen on.
        port: to listen on.
        is_open: whether everybody may see and change the runs, without an access key.
        tls: certificate and key; None serves without transport security.
    """

    host: str
    port: int
    is_open: bool = False
    tls: TlsFiles | None = None


def serve_runs(workspace: Workspace, request: RunsRequest) -> None:
    """Serve the runs until Ctrl-C or SIGTERM, and print their address; the server logs to `ui.log`.

    MLflow listens on a socket in a private folder, so that nobody comes to it but through the gate.

    Raises:
        InputError: the port is taken, there is no run yet, no key opens the page, or another server has the runs.
        StillwatchError: MLflow did not start, or ended by itself.
    """
    uri = workspace.tracking_uri
    if uri.startswith(("http:", "https:")):
        raise InputError("STILLWATCH_TRACKING_URI names a server of its own: open its address in a browser.")
    check_port(request.host, request.port)
    page = tracking.runs_page(uri)
    if page is None:
        raise InputError(f"{workspace.root} has no runs yet: run `stillwatch retrain` (or `train`) first.")
    if not request.is_open:
        check_keys(workspace, "admin")
    scheme, log = "http" if request.tls is None else "https", workspace.root / "ui.log"
    workspace.root.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    for stop in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: Polars' handler would let a wait go on
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt), _private_folder(uri) as scratch:
        behind = scratch / "mlflow.sock"
        with server_process(_command(workspace, scratch, request, behind), f"unix:{behind}", log) as process:
            server = _RunsServer(
                _gate(workspace, request, behind), f"MLflow: {scheme}://{_in_url(request.host)}:{request.port}/{page}"
            )
            server.run_with(process)
        raise StillwatchError(f"MLflow ended: {last_words(log)}")


class _RunsServer(AnnouncedServer):
    """Ends with the server behind it."""

    def run_with(self, process: "subprocess.Popen[bytes]") -> None:
        """Run until this process is told to end, or the other one ends."""

        def end_with_process() -> None:
            process.wait()
            self.should_exit = True

        threading.Thread(target=end_with_process, daemon=True).start()
        self.run()


def _gate(workspace: Workspace, request: RunsRequest, behind: Path) -> uvicorn.Config:
    """The gate and what lies behind it."""
    keys = None if request.is_open else workspace.access_keys
    proxy = ReverseProxy(httpx.AsyncHTTPTransport(uds=str(behind)))
    app = guarded_pages(proxy, keys, workspace.audit_log, is_secure=request.tls is not None)
    return uvicorn.Config(
        app,
        host=request.host,
        port=request.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        **({} if request.tls is None else request.tls.for_uvicorn()),
    )


@contextmanager
def _private_folder(uri: str) -> Iterator[Path]:
    """A folder with the backend's address in a file: it may hold a password, and all users can read command lines."""
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        store = Path(scratch) / _STORE
        quoted = uri.replace("\\", "\\\\").replace("'", "\\'")
        store.write_text(f"{BACKEND}='{quoted}'\n", encoding="utf-8")
        yield Path(scratch)


def _command(workspace: Workspace, scratch: Path, request: RunsRequest, behind: Path) -> list[str]:
    """Build the command line of MLflow's server."""
    host = request.host
    names = dict.fromkeys((*LOOPBACK, _in_url(host), *((socket.gethostname(),) if host not in LOOPBACK else ())))
    return [
        *("env", "-u", BACKEND, "-u", "MLFLOW_REGISTRY_STORE_URI"),  # a user's own variables would override the file
        *(sys.executable, "-m", "mlflow", "--env-file", str(scratch / _STORE), "server"),
        *("--host", LOOPBACK[1], "--port", str(request.port), "--workers", "1"),
        *("--uvicorn-opts", f"--uds {shlex.quote(str(behind))}"),  # instead of host and port
        *("--default-artifact-root", workspace.artifacts.resolve().as_uri(), "--no-serve-artifacts"),
        *("--allowed-hosts", ",".join(f"{name}:{request.port}" for name in names)),
    ]


def _in_url(host: str) -> str:
    """Put an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
