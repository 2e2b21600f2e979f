"""The lock of a workspace on an object store: an object that its owner renews while it holds it.

Nobody is told when a process dies, so an owner that has not renewed its lock for some minutes has lost it to whoever
takes it. It may only have slept: before each commit an owner checks that the lock is still its own, and a commit
itself never replaces another one.
"""

import json
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from features.errors import InputError, StillwatchError
from pipelines.remote.object_store import ObjectStore, StoredObject

LOCK = "lock"
EXPIRY = timedelta(minutes=10)
"""How long an owner may not renew its lock before others may take it: twice as long, and after a machine was lost
nobody writes for twice as long; half as long, and a machine that stands still for minutes loses its work more often."""
_RENEWALS = 10  # within that time
_FREE = b"{}"


@dataclass(frozen=True)
class Owner:
    """The command that holds a workspace, its process, its machine, and when it began (ISO 8601, UTC)."""

    command: str
    process: int
    host: str
    since: str

    def describe(self, now: datetime) -> str:
        """Describe the owner in words."""
        minutes = (now - datetime.fromisoformat(self.since)).total_seconds() / 60
        age = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
        return f"`stillwatch {self.command}` (process {self.process} on {self.host}, since {self.since}, {age} ago)"


class Lease:
    """The lock, held by one owner.

    Args:
        store: the workspace's objects.
        address: of the workspace, for messages.
        owner: the command.
        folder_id: of the folder with copies, which only one process works in at a time: a lock that another process
            of the same folder left is a dead one's.
        expiry: see `EXPIRY`.
    """

    def __init__(
        self, store: ObjectStore, address: str, owner: Owner, folder_id: str, expiry: timedelta = EXPIRY
    ) -> None:
        self._store, self._address, self._expiry = store, address, expiry
        self._content = asdict(owner) | {"folder": folder_id, "token": secrets.token_hex(8)}
        self._tag, self._is_lost, self._renewed, self._count = "", False, 0.0, 0
        self._busy, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="lock", daemon=True)

    def acquire(self) -> None:
        """Take the lock, and renew it from now on.

        Raises:
            InputError: somebody else holds it.
        """
        self._renewed = time.monotonic()
        tag = self._store.create(LOCK, self._signed())
        if tag is None:
            tag = self._take_over()
        self._tag = tag
        self._thread.start()

    def check(self) -> None:
        """Check with the store that the lock is still this owner's.

        Raises:
            StillwatchError: it was lost.
        """
        with self._busy:
            stored = None if self._is_lost else self._store.head(LOCK)
            self._is_lost = stored is None or stored.tag != self._tag
        if self._is_lost:
            raise StillwatchError(
                f"the lock of {self._address} was lost, since it was not renewed for "
                f"{self._expiry.total_seconds() / 60:.0f} minutes, and nothing was stored after that: run the same "
                "command again."
            )

    def release(self) -> None:
        """Let others have it; where the store does not answer any more, they have it after a while."""
        self._ended.set()
        self._thread.join()
        if not self._is_lost:
            with suppress(InputError):
                self._store.replace(LOCK, _FREE, self._tag)

    def _take_over(self) -> str:
        """Take a lock that is free, left by a dead process, or not renewed any more; returns its new tag."""
        stored, state = self._store.read(LOCK), self._store.head(LOCK)
        if stored is None or state is None:
            raise InputError(f"another command takes the lock of {self._address} just now: run the same command again.")
        holder = _parse(stored[0])
        is_ours = holder.get("folder") == self._content["folder"]
        if holder and not is_ours and not self._is_expired(state):
            raise InputError(f"{_describe(holder)} writes to {self._address}: wait for it to end.")
        tag = self._store.replace(LOCK, self._signed(), stored[1])
        if tag is None:
            raise InputError(f"another command takes the lock of {self._address} just now: wait for it to end.")
        return tag

    def _is_expired(self, state: StoredObject) -> bool:
        return state.changed_at is not None and self._store.now() - state.changed_at >= self._expiry

    def _keep_renewing(self) -> None:
        while not self._ended.wait(self._expiry.total_seconds() / _RENEWALS):
            with self._busy:
                if not self._is_lost:
                    self._renew()

    def _renew(self) -> None:
        begun = time.monotonic()
        try:
            tag = self._store.replace(LOCK, self._signed(), self._tag)
        except InputError:  # the store does not answer: it may again before the lock expires
            self._is_lost = begun - self._renewed > self._expiry.total_seconds()
            return
        if tag is None:
            self._is_lost = True
        else:
            self._tag, self._renewed = tag, begun

    def _signed(self) -> bytes:
        """The lock's content, another one each time: so is its tag."""
        self._count += 1
        return json.dumps(self._content | {"renewals": self._count}).encode()


def _parse(content: bytes) -> dict[str, Any]:
    """The holder's fields; none of a lock that is free or can't be read."""
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        return {}


def _describe(holder: dict[str, Any]) -> str:
    names = ("command", "process", "host", "since")
    try:
        return Owner(**{name: holder[name] for name in names}).describe(datetime.now(UTC))
    except (KeyError, ValueError, TypeError):
        return "another command"
