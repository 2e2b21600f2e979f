"""A server in a process of its own, which runs as long as the caller needs it."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from features.errors import InputError, StillwatchError

START_SECONDS = 120.0  # until a server must answer; a cold start on a busy machine takes half a minute
STOP_SECONDS = 30.0  # between the first request to end and the kill
ASK_SECONDS = 6.0  # between two requests to end
STARTS = 3  # of a server that loses its port to another process; a second start nearly always succeeds


def check_port(host: str, port: int) -> None:
    """Check that a port can be used.

    Raises:
        InputError: it is taken, or not allowed.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} of {host} can't be used ({error}): give another --port.") from error


def free_port(host: str) -> int:
    """Return a port that no process uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def server_process(
    call: Sequence[str], ready: str, log: Path, inherit: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block runs; it is ready when the block begins.

    A server that ends because its port was taken meanwhile is started again, up to `STARTS` times in all.

    Args:
        call: the command line.
        ready: the address that answers with 200 once the server is ready, or `tcp://HOST:PORT` or
            `unix:PATH` that takes connections.
        log: the server's output is appended to this file.
        inherit: open files that the server inherits.

    Raises:
        StillwatchError: the server ended, or was not ready within two minutes; with the last line of its log.
    """
    process = _ready(call, ready, log, inherit, STARTS)
    try:
        yield process
    finally:
        _stop(process)


def _ready(call: Sequence[str], ready: str, log: Path, inherit: Sequence[int], starts: int) -> subprocess.Popen[bytes]:
    """Start the server, and return it once it answers."""
    before = log.stat().st_size if log.exists() else 0
    process = _start(call, log, inherit)
    try:
        _await_ready(ready, process, log)
    except BaseException as error:
        ended = isinstance(error, StillwatchError) and process.poll() is not None
        _stop(process)
        # BentoML looks for free ports for its own use and lets them go before it takes them.
        if starts > 1 and ended and b"Address already in use" in _since(log, before):
            return _ready(call, ready, log, inherit, starts - 1)
        raise
    return process


def _start(call: Sequence[str], log: Path, inherit: Sequence[int]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            call,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )


def _since(log: Path, begin: int) -> bytes:
    """Read a log from a position on."""
    with log.open("rb") as file:
        file.seek(begin)
        return file.read()


def last_words(log: Path) -> str:
    """Return the last line of a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _await_ready(ready: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers.

    Raises:
        StillwatchError: it ended, or did not answer in time.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StillwatchError(f"the server ended before it was ready: {last_words(log)}")
        if _answers(ready):
            return
        time.sleep(0.1)
    raise StillwatchError(f"the server was not ready after {START_SECONDS:.0f} seconds: {last_words(log)}")


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        if parts.scheme == "tcp":
            with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=5):
                return True
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(parts.path)
                return True
        with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310  our own http address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and kill what is left of its session."""
    end = time.monotonic() + STOP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        # More than once: a signal that comes while BentoML starts its workers is lost.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ASK_SECONDS)
    with suppress(ProcessLookupError):  # MLflow's launcher, for one, ends without its server
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
