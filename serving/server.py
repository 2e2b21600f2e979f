"""Run a packaged Bento: become its server, or keep one beside the caller for a while."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from features.errors import InputError
from serving.analysts import readers
from serving.package import bentoml_call, verify
from serving.process import beside, claim, free_port
from training.models.artifact import Prove

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """Where the features of accounts are, how old they may be, and what the model must prove.

    `store`: folder of the feature store (as `FeatureLookup` takes it); `online`: `sqlite` or a Redis address;
    `freshness_hours`: the age from which features are called stale; `prove`: if the model must be signed;
    `analysts`: the token that callers show to read reasons; `base_rate`: the share of true accounts, if known.
    """

    store: Path
    online: str = "sqlite"
    freshness_hours: float = 36.0
    host: str = HOST
    prove: Prove | None = None
    analysts: str | None = None
    base_rate: float | None = None


def serve(bento: Path, port: int, options: Options) -> NoReturn:
    """Verify the Bento, then become its server: this process is replaced, so signals and exit status are its.

    Raises InputError if the port is taken or there is no Bento, IntegrityError if it was changed after
    packaging or its model is not signed as it must be; nothing listens then.
    """
    call, lock = command(bento, port, options)
    os.set_inheritable(lock, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(call[0], call)  # noqa: S606  no shell, on purpose


@contextmanager
def running(bento: Path, options: Options, *, port: int = 0, log: Path) -> Iterator[str]:
    """A server in a process of its own, ready when the block begins and gone when it ends; gives its URL.

    Port 0 takes a free one; what the server says is appended to `log`. Raises what `serve` raises, and
    StillwatchError with the server's last words if it ends or is not ready within two minutes.
    """
    port = port or free_port(options.host)
    url = f"http://{options.host}:{port}"
    call, lock = command(bento, port, options)
    with os.fdopen(lock) as held, beside(call, f"{url}/readyz", log, inherit=(lock,)):
        held.close()  # it is the server's now
        yield url


def command(bento: Path, port: int, options: Options) -> tuple[list[str], int]:
    """The command line that serves a Bento, after the checks that `serve` makes (and with its errors).

    With it comes the open file whose lock says that this server lives: the server must inherit it.
    """
    verify(bento, options.prove)
    claim(options.host, port)
    home, lock = _home(bento.resolve().parent, port)
    given = {
        "store": str(options.store.resolve()),
        "online": options.online,
        "freshness_hours": options.freshness_hours,
        "readers": readers(options.analysts, options.host),
        **({} if options.base_rate is None else {"base_rate": options.base_rate}),
    }
    arguments = home / "arguments.json"
    arguments.touch(mode=0o600)  # the address of a Redis server may hold a password
    arguments.write_text(json.dumps(given), encoding="utf-8")
    call = [
        *bentoml_call(home),
        *("serve", str(bento.resolve()), "--host", options.host, "--port", str(port)),
        *("--arg-file", str(arguments), "--do-not-track"),
    ]
    return call, lock


def _home(place: Path, port: int) -> tuple[Path, int]:
    """A folder for one server, and its lock; what ended servers left is removed.

    Two servers must not share one: each empties the folder of its metrics when it starts.
    """
    alone = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX)  # while this is held, no other start makes or removes a folder
        for left in place.glob(".run-*"):
            _remove_if_left(left)
        home = place / f".run-{port}"
        home.mkdir(exist_ok=True)
        lock = _lock(home)
    finally:
        os.close(alone)
    if lock is None:
        raise InputError(f"port {port} belongs to a server that is just starting or ending: give another --port")
    return home, lock


def _remove_if_left(home: Path) -> None:
    lock = _lock(home)
    if lock is not None:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _lock(home: Path) -> int | None:
    """The lock of a server's folder; None while its server lives."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
