"""A server in a process of its own, beside the caller for a while."""

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

from features.errors import InputError, StillwatchError

START_SECONDS = 120.0
STOP_SECONDS = 30.0
ASK_SECONDS = 6.0
STARTS = 3


def claim(host: str, port: int) -> None:
    """Nothing, if the port may be used. Raises InputError if it is taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} of {host} can't be used ({error}): give another --port") from error


def free_port(host: str) -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextmanager
def beside(
    call: Sequence[str], ready: str, log: Path, inherit: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server; it answers at the address `ready` when the block begins, and is gone when it ends.

    What the server says is appended to `log`; it inherits the open files `inherit`. A server that ends because a port
    was taken meanwhile is started again, up to `STARTS` times in all. Raises StillwatchError with its last words if it
    ends or is not ready within two minutes of its start.
    """
    process = _ready(call, ready, log, inherit, STARTS)
    try:
        yield process
    finally:
        _stop(process)


def _ready(call: Sequence[str], ready: str, log: Path, inherit: Sequence[int], starts: int) -> subprocess.Popen[bytes]:
    """The server, once it answers."""
    before = log.stat().st_size if log.exists() else 0
    process = _started(call, log, inherit)
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


def _started(call: Sequence[str], log: Path, inherit: Sequence[int]) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(
            call,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )


def _since(log: Path, begin: int) -> bytes:
    with log.open("rb") as said:
        said.seek(begin)
        return said.read()


def last_words(log: Path) -> str:
    """The last line of a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _await_ready(ready: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StillwatchError(f"the server ended before it was ready: {last_words(log)}")
        if _answers(ready):
            return
        time.sleep(0.1)
    raise StillwatchError(f"the server was not ready after {START_SECONDS:.0f} seconds: {last_words(log)}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310  our own http address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to finish what it does; end what is left of its session if it does not."""
    end = time.monotonic() + STOP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        # Asked again now and then: a signal that comes while BentoML starts its workers is lost.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ASK_SECONDS)
    with suppress(ProcessLookupError):  # MLflow's launcher, for one, ends without its server
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
