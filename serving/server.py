"""Run the server of a packaged Bento, in this process or in another."""

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

from features.code_version import CODE_ROOT
from features.errors import InputError
from serving.access.tls import TlsFiles
from serving.answer.store_opening import STORE_SECONDS
from serving.inline import DEFAULT_RULES, InlineRules
from serving.load.admission import MOST_CALLS
from serving.package import bentoml_call, drop_compiled, verify_bento
from serving.process import check_port, free_port, server_process
from serving.telemetry.logs import LogFormat, LogLevel
from training.models.signing import verifier

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """How a Bento is served.

    Attributes:
        store: folder of the feature store (as `FeatureLookup` takes it).
        online: `sqlite` or a Redis address.
        freshness_hours: features that are older are stale.
        host: the address to listen on.
        verifying_key: public key of the one who must have signed the model; None if it need not be signed.
        access: folder of the access keys and the audit log; None lets everybody in.
        base_rate: share of accounts in campaigns, where it differs from the share in training.
        review_threshold, act_threshold: risks from which on an account's level rises; None for the model's own.
        inline: how gateways are answered.
        shadow: folder of a model that is scored beside the champion (`serving.champion.shadow`); None for none.
        tls: certificate and key; None serves without transport security.
        log_format, log_level: see `serving.telemetry.logs.configure_logs`.
        store_seconds: how long the online store may be silent.
        most_calls: calls that are scored at a time.
        rate_per_key: calls a second of one access key; None for any number.
    """

    store: Path
    online: str = "sqlite"
    freshness_hours: float = 36.0
    host: str = HOST
    verifying_key: Path | None = None
    access: Path | None = None
    base_rate: float | None = None
    review_threshold: float | None = None
    act_threshold: float | None = None
    inline: InlineRules = DEFAULT_RULES
    shadow: Path | None = None
    tls: TlsFiles | None = None
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"
    store_seconds: float = STORE_SECONDS
    most_calls: int = MOST_CALLS
    rate_per_key: float | None = None


def become_server(bento: Path, port: int, options: Options) -> NoReturn:
    """Verify the Bento and replace this process by its server, which then gets the signals.

    Raises:
        InputError: the port is taken, there is no Bento, or the act threshold lies below the review threshold.
        IntegrityError: the Bento was changed after packaging, or its model is not signed as it must be.
    """
    call, lock = server_command(bento, port, options)
    os.set_inheritable(lock, True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(call[0], call)  # noqa: S606  no shell, on purpose


@contextmanager
def running_server(bento: Path, options: Options, *, port: int = 0, log: Path) -> Iterator[str]:
    """Serve a Bento from a process of its own while the block runs, and yield its URL once it is ready.

    Args:
        bento: the packaged model.
        options: how to serve it; without TLS.
        port: 0 takes a free one.
        log: the server's output is appended to this file.

    Raises:
        InputError, IntegrityError: as `become_server` does.
        StillwatchError: the server ended, or was not ready within two minutes; with the last line of its log.
    """
    port = port or free_port(options.host)
    url = f"http://{options.host}:{port}"
    call, lock = server_command(bento, port, options)
    with os.fdopen(lock) as held, server_process(call, f"{url}/readyz", log, inherit=(lock,)):
        held.close()  # the server has inherited it
        yield url


def server_command(bento: Path, port: int, options: Options) -> tuple[list[str], int]:
    """Check a Bento and its port, and build the command line that serves it.

    Returns:
        The command line, and an open file that the server must inherit: its lock says that the server lives.

    Raises:
        InputError, IntegrityError: as `become_server` does.
    """
    key = options.verifying_key
    verify_bento(bento, None if key is None else verifier(key)).with_thresholds(
        options.review_threshold, options.act_threshold
    )
    drop_compiled(bento)
    check_port(options.host, port)
    home, lock = _home(bento.resolve().parent, port)
    settings = {
        "store": str(options.store.resolve()),
        "online_file": None if options.online == "sqlite" else str(home / "online"),
        "freshness_hours": options.freshness_hours,
        "access": None if options.access is None else str(options.access.resolve()),
        "bentos": str(bento.resolve().parent),
        "verifying_key": None if key is None else str(key.resolve()),
        "installation": str(CODE_ROOT),
        "shadow": None if options.shadow is None else str(options.shadow.resolve()),
        "base_rate": options.base_rate,
        "review_threshold": options.review_threshold,
        "act_threshold": options.act_threshold,
        "inline_denied": options.inline.denied,
        "inline_failure": options.inline.on_failure,
        "account_header": options.inline.account_header,
        "log_format": options.log_format,
        "log_level": options.log_level,
        "store_seconds": options.store_seconds,
        "most_calls": options.most_calls,
        "rate_per_key": options.rate_per_key,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    arguments = home / "arguments.json"
    arguments.write_text(json.dumps(settings), encoding="utf-8")
    if options.online != "sqlite":
        # The address may hold a password, and BentoML shows the arguments in its workers' command lines.
        secret = os.open(home / "online", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(secret, "w", encoding="utf-8") as file:
            file.write(options.online)
    call = [
        *bentoml_call(home),
        *("serve", str(bento.resolve()), "--host", options.host, "--port", str(port)),
        *("--arg-file", str(arguments), "--do-not-track"),
        *(() if options.tls is None else options.tls.for_bentoml()),
    ]
    return call, lock


def _home(parent: Path, port: int) -> tuple[Path, int]:
    """Make a folder for one server and lock it; remove the folders of servers that have ended.

    Two servers must not share a folder, since each empties the folder of its metrics when it starts.
    """
    parent_lock = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(parent_lock, fcntl.LOCK_EX)  # while this is held, no other start makes or removes a folder
        for folder in parent.glob(".run-*"):
            _remove_if_ended(folder)
        home = parent / f".run-{port}"
        home.mkdir(exist_ok=True)
        lock = _lock(home)
    finally:
        os.close(parent_lock)
    if lock is None:
        raise InputError(f"port {port} belongs to a server that is just starting or ending: give another --port.")
    return home, lock


def _remove_if_ended(home: Path) -> None:
    """Remove a server's folder unless its server lives."""
    lock = _lock(home)
    if lock is not None:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def _lock(home: Path) -> int | None:
    """Lock a server's folder; None while its server lives."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
