"""Running a follower: the web application in one thread, refreshes and stores in another, groups in a third."""

import fcntl
import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl
import uvicorn
from starlette.types import ASGIApp

from features.errors import InputError, IntegrityError
from features.intake.values.reading import LogOptions
from pipelines.build import ensure_features
from pipelines.campaigns.lifts import lift_accounts
from pipelines.follow.app import SCOPE_OF, Taking, make_app
from pipelines.follow.bodies import Reducer
from pipelines.follow.follower import Follower
from pipelines.follow.meters import Meters
from pipelines.models.champion import current_champion
from pipelines.workspace import Workspace
from serving.access.gate import Gate

log = logging.getLogger("stillwatch.follow")


@dataclass(frozen=True)
class FollowRequest:
    """How to follow.

    Attributes:
        host: address to listen on.
        port: of the web application.
        every: between the begins of two refreshes.
        store_every: between two stores into the lake.
        regroup_every: between the begins of two groupings of all accounts.
        is_synced: whether an acknowledged event survives a loss of power.
        is_open: whether everybody may send, without an access key.
        options: what a person says of the log.
    """

    host: str
    port: int
    every: timedelta = timedelta(seconds=2)
    store_every: timedelta = timedelta(seconds=60)
    regroup_every: timedelta = timedelta(hours=6)
    is_synced: bool = True
    is_open: bool = False
    options: LogOptions = field(default_factory=LogOptions)


class Following:
    """A follower that runs.

    Args:
        workspace: the workspace.
        request: how to follow.
    """

    def __init__(self, workspace: Workspace, request: FollowRequest) -> None:
        self._workspace, self._request = workspace, request
        self._follower = Follower(workspace, request.is_synced)
        self._meters = Meters()
        self._stopped = threading.Event()
        self._is_ready = False
        self._grouping: Future[tuple[datetime, pl.DataFrame]] | None = None
        self._touched_since: set[str] = set()
        self._next_store = self._next_groups = 0.0

    def run(self) -> int:
        """Follow until SIGTERM or SIGINT; return how many events wait for the next start, as another command writes.

        Raises:
            InputError: another follower, or another command, holds the workspace at the start.
        """
        with _alone(self._workspace):
            return self._run()

    def _run(self) -> int:
        recovered = self._follower.recover()
        log.info("%d events recovered from the journal", recovered)
        reducer = Reducer(self._workspace.keyring, self._request.options)
        taking = Taking(reducer, self._follower.accept, self._meters, lambda: self._is_ready)
        keys = None if self._request.is_open else self._workspace.access_keys
        app = Gate(make_app(taking), keys=keys, audit=self._workspace.audit_log, scopes=SCOPE_OF)
        server = _server(app, self._request)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        web = threading.Thread(target=server.run, name="web")
        web.start()
        try:
            while not self._stopped.is_set() and web.is_alive():
                begin = time.monotonic()
                self._turn()
                self._stopped.wait(max(0.0, self._request.every.total_seconds() - (time.monotonic() - begin)))
        finally:
            server.should_exit = True
            web.join()
        self._store()
        return self._follower.waiting

    def _turn(self) -> None:
        """Refresh; store and group if it is time."""
        self._refresh()
        now = time.monotonic()
        if now >= self._next_store and self._store():
            self._next_store = now + self._request.store_every.total_seconds()
        self._meters.waiting.set(self._follower.waiting)
        self._group(now)

    def _refresh(self) -> None:
        """Refresh; what fails, such as an online store that does not answer, is tried again at the next turn."""
        begin = time.monotonic()
        try:
            refreshed = self._follower.refresh(datetime.now(UTC))
        except IntegrityError:
            raise
        except Exception as error:
            self._is_ready = False
            log.error("scores could not be brought up to date (%s): %s", type(error).__name__, _first_line(error))
            return
        self._is_ready = True
        self._meters.refresh_seconds.observe(time.monotonic() - begin)
        self._meters.count_refresh(refreshed)
        self._touched_since.update(refreshed.account_ids)

    def _store(self) -> bool:
        """Store what waits; while another command writes it waits on."""
        try:
            self._follower.store()
        except InputError as error:
            self._meters.store_failures.inc()
            log.warning("events wait: %s", error)
            return False
        return True

    def _group(self, now: float) -> None:
        """Begin to group all accounts if it is time, or bring online what a grouping gave."""
        if self._grouping is not None:
            if self._grouping.done():
                self._finish_grouping(self._grouping)
                self._grouping = None
        elif now >= self._next_groups and self._store() and self._follower.holds_requests():
            self._next_groups = now + self._request.regroup_every.total_seconds()
            self._touched_since = set()
            self._grouping = Future()
            threading.Thread(target=self._group_all, args=(datetime.now(UTC), self._grouping), daemon=True).start()

    def _group_all(self, as_of: datetime, grouping: "Future[tuple[datetime, pl.DataFrame]]") -> None:
        """Group all accounts, in a thread that the end of the process does not wait for."""
        try:
            ensure_features(self._workspace, [as_of], _silent)
            lifts = lift_accounts(self._workspace, current_champion(self._workspace), as_of, _silent)
            grouping.set_result((as_of, lifts))
        except Exception as error:
            grouping.set_exception(error)

    def _finish_grouping(self, grouping: "Future[tuple[datetime, pl.DataFrame]]") -> None:
        """Bring all accounts online as of the grouping; those that were active since are read out again."""
        try:
            as_of, lifts = grouping.result()
            self._workspace.lookup.materialize(as_of, now=as_of, groups=lifts)
        except IntegrityError:
            raise
        except Exception as error:
            log.error("accounts could not be grouped (%s): %s", type(error).__name__, _first_line(error))
            return
        self._follower.touch(self._touched_since)
        log.info("all accounts are grouped as of %s", f"{as_of:%Y-%m-%dT%H:%M:%SZ}")


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """Keep others from following the same workspace."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    with (workspace.root / "follow.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another `stillwatch follow` runs on {workspace.root}: end it first.") from None
        yield


def _server(app: ASGIApp, request: FollowRequest) -> uvicorn.Server:
    """A web server for a thread, which leaves signals to the process; slow senders do not add up."""
    config = uvicorn.Config(
        app,
        host=request.host,
        port=request.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=10,
        limit_concurrency=1_000,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    return server


def _silent(step: str, done: float) -> None:
    """No progress."""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
