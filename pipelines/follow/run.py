"""Running a follower: this process refreshes and stores, one beside it takes events, and another groups accounts."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from features.errors import InputError, IntegrityError, StillwatchError
from features.intake.values.reading import LogOptions
from pipelines.follow.broker.source import BrokerReading
from pipelines.follow.follower import Follower
from pipelines.follow.follower_state import JOURNAL, FollowerState, write_state
from pipelines.follow.grouping_process import GroupingProcess, GroupingSchedule
from pipelines.follow.web import WebSettings
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.access.tls import TlsFiles
from serving.process import last_words, server_process

LOG = "follow.log"  # of the web process
GROUPING_LOG = "grouping.log"
_NOT_CURRENT, _NOT_GROUPED = "scores could not be brought up to date", "accounts could not be grouped"
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
        tls: certificate and key; None serves without transport security.
        options: what a person says of the log.
        reading: what is read of a broker beside HTTP.
    """

    host: str
    port: int
    every: timedelta = timedelta(seconds=2)
    store_every: timedelta = timedelta(seconds=60)
    regroup_every: timedelta = timedelta(hours=6)
    is_synced: bool = True
    is_open: bool = False
    tls: TlsFiles | None = None
    options: LogOptions = field(default_factory=LogOptions)
    reading: BrokerReading | None = None


class Following:
    """A follower that runs.

    Args:
        workspace: the workspace.
        request: how to follow.
    """

    def __init__(self, workspace: Workspace, request: FollowRequest) -> None:
        self._workspace, self._request = workspace, request
        self._follower = Follower(workspace)
        self._state = FollowerState()
        self._stopped = threading.Event()
        self._grouping: GroupingProcess | None = None
        self._touched_since: set[str] = set()
        self._next_store = 0.0
        self._schedule = GroupingSchedule(request.regroup_every.total_seconds())
        self._said: dict[str, str] = {}

    def run(self) -> int:
        """Follow until SIGTERM or SIGINT; return how many events wait for the next start, as another command writes.

        Raises:
            InputError: another follower, or another command, holds the workspace at the start.
            StillwatchError: the web process ended.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopped.set())
        with _alone(self._workspace):
            self._follower.recover()
            write_state(self._workspace.root, self._state)
            try:
                with _web_process(self._workspace, self._request) as web:
                    self._follow(web)
            finally:
                self._end_grouping()
            with suppress(InputError):  # another command writes: the next start stores the rest
                self._follower.recover()
            return self._follower.waiting

    def _follow(self, web: "subprocess.Popen[bytes]") -> None:
        while not self._stopped.is_set():
            if web.poll() is not None:
                raise StillwatchError(f"the web process ended: {last_words(self._workspace.root / LOG)}")
            begin = time.monotonic()
            self._turn()
            self._stopped.wait(max(0.0, self._request.every.total_seconds() - (time.monotonic() - begin)))

    def _turn(self) -> None:
        """Refresh; store and group if it is time."""
        self._refresh()
        now = time.monotonic()
        if now >= self._next_store and self._store():
            self._next_store = now + self._request.store_every.total_seconds()
        self._group(now)
        self._state = replace(self._state, waiting=self._follower.waiting)
        write_state(self._workspace.root, self._state)

    def _refresh(self) -> None:
        """Refresh; what fails, such as an online store that does not answer, is tried again at the next turn."""
        begin, state = time.monotonic(), self._state
        try:
            refreshed = self._follower.refresh(datetime.now(UTC))
            if self._grouping is None:
                self._schedule.note_online(is_whole=self._follower.is_online_whole())
        except IntegrityError:
            raise
        except Exception as error:
            self._state = replace(state, failures=state.failures + 1)
            self._say_once(_NOT_CURRENT, error)
            return
        self._said.pop(_NOT_CURRENT, None)
        self._state = replace(
            state,
            as_of=refreshed.whole_at.timestamp(),
            waiting_accounts=refreshed.waiting,
            accounts=state.accounts + len(refreshed.account_ids),
            repeats=state.repeats + refreshed.repeats,
            seconds=time.monotonic() - begin,
        )
        self._touched_since.update(refreshed.account_ids)

    def _store(self) -> bool:
        """Store what waits; while another command writes it waits on."""
        try:
            self._follower.store()
        except InputError as error:
            self._state = replace(self._state, store_failures=self._state.store_failures + 1)
            log.warning("events wait: %s", error)
            return False
        return True

    def _group(self, now: float) -> None:
        """Begin to group all accounts if it is time, or bring online what a grouping gave."""
        if self._grouping is not None:
            if self._grouping.is_done():
                is_online = self._finish_grouping(self._grouping)
                self._schedule.end(now, has_failed=not is_online)
                self._end_grouping()
        elif self._schedule.is_due(now) and self._store() and self._follower.holds_requests():
            self._schedule.begin(now)
            self._touched_since = set()
            root = self._workspace.root
            self._grouping = GroupingProcess.start(self._workspace, datetime.now(UTC), root / GROUPING_LOG)

    def _end_grouping(self) -> None:
        if self._grouping is not None:
            self._grouping.end()
            self._grouping = None

    def _finish_grouping(self, grouping: GroupingProcess) -> bool:
        """Bring all accounts online as of the grouping; those that were active since are read out again.

        Returns:
            False if that failed; it is tried again later.
        """
        try:
            as_of, lifts = grouping.as_of, grouping.lifts()
            names = self._workspace.named_at(as_of).lake.names(as_of)
            self._workspace.lookup.materialize(as_of, now=as_of, groups=lifts, names=names)
            self._follower.let_join(grouping.joinable(), is_lifted=bool((lifts["lift"] != 0).any()))
        except IntegrityError:
            raise
        except Exception as error:
            self._state = replace(self._state, grouping_failures=self._state.grouping_failures + 1)
            self._say_once(_NOT_GROUPED, error)
            self._follower.touch(self._touched_since)  # older rows may have been written over theirs
            return False
        self._said.pop(_NOT_GROUPED, None)
        self._follower.touch(self._touched_since)
        self._state = replace(self._state, regrouped=as_of.timestamp())
        log.info("all accounts are grouped as of %s", f"{as_of:%Y-%m-%dT%H:%M:%SZ}")
        return True

    def _say_once(self, what: str, error: Exception) -> None:
        """Log what failed; a reason that comes again and again is only counted."""
        reason = f"({type(error).__name__}): {(str(error).splitlines() or [''])[0]}"
        if self._said.get(what) != reason:
            log.error("%s %s", what, reason)
        self._said[what] = reason


def store_journal(workspace: Workspace) -> None:
    """Put into the lake what a follower left in its journal.

    Raises:
        InputError: a follower runs, or another command writes.
    """
    if any((workspace.root / JOURNAL).glob("*.*")):
        with _alone(workspace):
            Follower(workspace).recover()


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


@contextmanager
def _web_process(workspace: Workspace, request: FollowRequest) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the web process while the block runs; it ends with this process, however that ends."""
    reading, writing = os.pipe()
    web_settings = WebSettings(
        workspace=workspace.root,
        host=request.host,
        port=request.port,
        store_seconds=request.store_every.total_seconds(),
        is_synced=request.is_synced,
        is_open=request.is_open,
        tls=request.tls,
        log_format=settings().log_format,
        log_level=settings().log_level,
        assume_utc=request.options.assume_utc,
        trusted_proxies=request.options.trusted_proxies,
        pipe=reading,
        reading=request.reading,
    )
    call = [sys.executable, "-m", "pipelines.follow.web", web_settings.model_dump_json()]
    host = f"[{request.host}]" if ":" in request.host else request.host
    try:
        # With TLS a caller may need a certificate; Uvicorn listens once the application has started.
        ready = f"http://{host}:{request.port}/livez" if request.tls is None else f"tcp://{host}:{request.port}"
        with server_process(call, ready, workspace.root / LOG, [reading]) as process:
            yield process
    finally:
        os.close(reading)
        os.close(writing)
