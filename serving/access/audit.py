"""The audit log: who asked for what, one line each, every line bound to the one before by its digest.

A line that was changed, removed or put in breaks the chain there. Lines cut off at the end leave a chain that is whole,
so `verify` gives the last digest: note it where nobody who can write the log can change it, and compare.
"""

import errno
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from features.errors import IntegrityError

_FIRST = "0" * 64  # what the first line follows
_TAIL = 1 << 12  # bytes read first at the end to find the last line, which may be longer


@dataclass(frozen=True)
class Audited:
    """A whole chain.

    Attributes:
        entries: how many lines.
        last: digest of the last one.
    """

    entries: int
    last: str


class AuditLog:
    """An append-only file of mode 0600 that several processes may write.

    Args:
        path: of the file; it need not be there.

    Attributes:
        failures: entries that this process could not append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures = 0

    def pseudonym(self, account_id: str) -> str:
        """Name an account so that who knows its id can look for it, and an erased account is named nowhere.

        Its HMAC-SHA256 under a salt beside the log, the first 16 hexadecimal digits.
        """
        try:
            return hmac.digest(self._salt, account_id.encode(), "sha256").hex()[:16]
        except OSError:
            self.failures += 1
            raise

    @cached_property
    def _salt(self) -> bytes:
        """The salt of this log; the first process that needs it makes it."""
        path = self.path.with_suffix(".salt")
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        return path.read_bytes()

    def append(self, event: str, actor: str, now: datetime, **details: object) -> None:
        """Append an entry: it is durable when this returns.

        Args:
            event: what happened.
            actor: who did it: the name of an access key, or of a command.
            now: when.
            details: values that JSON knows; never a secret or a text of a request.

        Raises:
            IntegrityError: the last line is none of a chain.
            OSError: the file can't be written.
        """
        try:
            self._append({"at": now.isoformat(timespec="milliseconds"), "event": event, "actor": actor}, details)
        except (OSError, IntegrityError):
            self.failures += 1
            raise

    def _append(self, entry: dict[str, object], details: dict[str, object]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            number, previous = self._last(file.fileno())
            line = _line({"number": number + 1, **entry, "details": details, "previous": previous})
            if file.write(line) != len(line):  # the disk is full: what was written is cut off at the next entry
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(file.fileno())

    def entries(self) -> Iterator[dict[str, object]]:
        """Yield all entries, each checked against the one before.

        Raises:
            IntegrityError: the chain is broken; the message says where.
        """
        number, previous = 0, _FIRST
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                number += 1
                entry = _parse(line)
                if entry is None or entry["number"] != number or entry["previous"] != previous:
                    raise IntegrityError(
                        f"{self.path} is broken at line {number}: that line, or one before it, was changed, removed or "
                        "put in."
                    )
                previous = str(entry["digest"])
                yield entry

    def verify(self) -> Audited:
        """Check the whole chain.

        Raises:
            IntegrityError: see `entries`.
        """
        count, last = 0, _FIRST
        for entry in self.entries():
            count, last = count + 1, str(entry["digest"])
        return Audited(count, last)

    def _last(self, handle: int) -> tuple[int, str]:
        """Number and digest of the last line; what a kill left half written is cut off."""
        size, length = os.fstat(handle).st_size, _TAIL
        tail = os.pread(handle, length, max(0, size - length))
        while tail.count(b"\n") < 2 and length < size:
            length *= 2
            tail = os.pread(handle, length, max(0, size - length))
        whole, _, torn = tail.rpartition(b"\n")
        if torn:
            os.ftruncate(handle, size - len(torn))
        if not whole:
            return 0, _FIRST
        entry = _parse(whole.rpartition(b"\n")[2] + b"\n")
        if entry is None:
            raise IntegrityError(
                f"{self.path} does not end in an entry: `stillwatch audit verify` says where it broke."
            )
        return int(str(entry["number"])), str(entry["digest"])


def _line(entry: dict[str, object]) -> bytes:
    return json.dumps(entry | {"digest": _digest(entry)}, ensure_ascii=True).encode() + b"\n"


def _digest(entry: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(entry, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _parse(line: bytes) -> dict[str, object] | None:
    """Return the entry of a line whose digest is right; None for any other line."""
    try:
        entry = json.loads(line)
        digest = entry.pop("digest")
    except (ValueError, AttributeError, KeyError, RecursionError):
        return None
    is_whole = line == _line(entry) and {"number", "previous"} <= set(entry) and digest == _digest(entry)
    return entry | {"digest": digest} if is_whole else None
