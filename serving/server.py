"""Run a packaged Bento: become its server, or keep one beside the caller for a while."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from features.errors import InputError, StillwatchError
from serving.package import bentoml_call, verify

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 30.0
ASK_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Options:
    """Where the features of accounts are, and how old they may be.

    `store`: folder of the feature store (as `FeatureLookup` takes it); `online`: `sqlite` or a Redis address;
    `freshness_hours`: the age from which features are called stale.
    """

    store: Path
    online: str = "sqlite"
    freshness_hours: float = 36.0
    host: str = HOST


def serve(bento: Path, port: int, options: Options) -> NoReturn:
    """Verify the Bento, then become its server: this process is replaced, so signals and exit status are its.

    Raises InputError if the port is taken or there is no Bento, IntegrityError if it was changed after
    packaging; nothing listens then.
    """
    call = command(bento, port, options)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(call[0], call)  # noqa: S606  no shell, on purpose


@contextmanager
def running(bento: Path, options: Options, *, port: int = 0, log: Path) -> Iterator[str]:
    """A server in a process of its own, ready when the block begins and gone when it ends; gives its URL.

    Port 0 takes a free one; what the server says is appended to `log`. Raises what `serve` raises, and
    StillwatchError with the server's last words if it ends or is not ready within two minutes.
    """
    port = port or _free_port(options.host)
    call = command(bento, port, options)
    with log.open("ab") as said:
        process = subprocess.Popen(
            call, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        url = f"http://{options.host}:{port}"
        _await_ready(url, process, log)
        yield url
    finally:
        _stop(process)


def command(bento: Path, port: int, options: Options) -> list[str]:
    """The command line that serves a Bento, after the checks that `serve` makes (and with its errors)."""
    verify(bento)
    _claim(options.host, port)
    # Two servers must not share a home: each empties the folder of its metrics when it starts.
    home = bento.resolve().parent / f".run-{port}"
    home.mkdir(parents=True, exist_ok=True)
    given = {
        "store": str(options.store.resolve()),
        "online": options.online,
        "freshness_hours": options.freshness_hours,
    }
    arguments = home / "arguments.json"
    arguments.touch(mode=0o600)  # the address of a Redis server may hold a password
    arguments.write_text(json.dumps(given), encoding="utf-8")
    return [
        *bentoml_call(home),
        *("serve", str(bento.resolve()), "--host", options.host, "--port", str(port)),
        *("--arg-file", str(arguments), "--do-not-track"),
    ]


def _claim(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} of {host} can't be used ({error}): give another --port") from error


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StillwatchError(f"the server ended before it was ready: {_last_words(log)}")
        if _answers(f"{url}/readyz"):
            return
        time.sleep(0.1)
    raise StillwatchError(f"the server was not ready after {START_SECONDS:.0f} seconds: {_last_words(log)}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310  our own http address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to finish what it does; end what is left of its session if it does not."""
    end = time.monotonic() + STOP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        # Asked again now and then: a signal that comes while BentoML starts its workers is lost.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ASK_SECONDS)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
