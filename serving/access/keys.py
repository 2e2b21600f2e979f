"""Access keys: made, listed, rotated and revoked by command; a server holds only their salted hashes.

A key is 256 random bits, so one round of SHA-256 is enough: there is nothing to guess (unlike passwords, which people
choose).
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from features.errors import InputError, IntegrityError

SCOPES = ("score", "reasons", "events", "metrics", "admin")
_KEY = re.compile(r"^sw_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
_NOBODYS_SALT = "00" * 16


@dataclass(frozen=True)
class AccessKey:
    """What is stored of a key.

    Attributes:
        key_id: its public part.
        name: whose it is, or what it is for.
        scopes: what it opens.
        salt: hexadecimal.
        digest: SHA-256 of salt and secret, hexadecimal.
        created_at: ISO 8601, UTC.
        valid_until: from when on it opens nothing; empty for no end.
    """

    key_id: str
    name: str
    scopes: tuple[str, ...]
    salt: str
    digest: str
    created_at: str
    valid_until: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it opens anything at a time."""
        return not self.valid_until or now < datetime.fromisoformat(self.valid_until)

    def opens(self, scope: str) -> bool:
        """Tell whether it opens a scope; `admin` opens all."""
        return scope in self.scopes or "admin" in self.scopes


class KeyFile:
    """The keys of a workspace, in a file of mode 0600 that is replaced as a whole.

    Args:
        path: of the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, int, int] | None = None
        self._keys: dict[str, AccessKey] = {}

    def stored(self) -> list[AccessKey]:
        """All keys, also those that are not valid any more, the oldest first.

        Raises:
            IntegrityError: the file can't be read.
        """
        return list(self._read().values())

    def find(self, text: str, now: datetime) -> AccessKey | None:
        """Return the valid key that a caller showed; None for any other text.

        Takes the same time for a wrong secret as for a right one, and for an unknown key as for a known one.
        """
        parsed = _KEY.match(text)
        key_id, secret = parsed.groups() if parsed else ("", "")
        stored = self._read().get(key_id)
        salt, digest = (stored.salt, stored.digest) if stored else (_NOBODYS_SALT, "0" * 64)
        is_right = hmac.compare_digest(_digest(salt, secret), digest)
        return stored if stored and is_right and stored.is_valid(now) else None

    def create(self, name: str, scopes: Iterable[str], now: datetime) -> tuple[str, AccessKey]:
        """Make a key; return its text, which is nowhere stored, and what is stored of it.

        Raises:
            InputError: a scope is unknown, the name is no name, or a valid key has it.
        """
        wanted = tuple(sorted(set(scopes), key=SCOPES.index)) if set(scopes) <= set(SCOPES) else ()
        if not wanted:
            raise InputError(
                f"scopes {', '.join(scopes) or 'are missing'}: expected one or more of {', '.join(SCOPES)}."
            )
        if not _NAME.match(name):
            raise InputError(f"the name {name!r} is none: use up to 64 letters, digits, blanks, dots and dashes.")
        with self._changing() as keys:
            if any(key.name == name and key.is_valid(now) for key in keys.values()):
                raise InputError(f"a key named {name!r} is valid already: rotate it, or give another --name.")
            return _add(keys, name, wanted, now)

    def rotate(self, key_id: str, now: datetime, overlap: timedelta) -> tuple[str, AccessKey]:
        """Make a key with the name and scopes of another, which stays valid for a while.

        Raises:
            InputError: there is no such valid key, or it is being rotated already.
        """
        with self._changing() as keys:
            old = _valid(keys, key_id, now)
            if old.valid_until:
                raise InputError(
                    f"the key {key_id} ends at {old.valid_until} already: rotate the key that replaced it."
                )
            keys[key_id] = replace(old, valid_until=(now + overlap).isoformat(timespec="seconds"))
            return _add(keys, old.name, old.scopes, now)

    def revoke(self, key_id: str, now: datetime) -> AccessKey:
        """Let a key open nothing from now on.

        Raises:
            InputError: there is no such valid key.
        """
        with self._changing() as keys:
            keys[key_id] = replace(_valid(keys, key_id, now), valid_until=now.isoformat(timespec="seconds"))
            return keys[key_id]

    def _read(self) -> dict[str, AccessKey]:
        """Read the file if it has changed."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return {}
        state = (status.st_mtime_ns, status.st_size, status.st_ino)
        if state != self._state:
            try:
                rows = json.loads(self.path.read_text(encoding="utf-8"))
                self._keys = {row["key_id"]: AccessKey(**row | {"scopes": tuple(row["scopes"])}) for row in rows}
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise IntegrityError(f"{self.path} does not hold access keys: restore it from a copy.") from error
            self._state = state
        return self._keys

    @contextmanager
    def _changing(self) -> Iterator[dict[str, AccessKey]]:
        """Hold the file for one writer; what the block leaves takes the file's place."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = dict(self._read())
            yield keys
            draft = self.path.with_suffix(f".{os.getpid()}.draft")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump([asdict(key) for key in keys.values()], file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)


def _add(keys: dict[str, AccessKey], name: str, scopes: tuple[str, ...], now: datetime) -> tuple[str, AccessKey]:
    key_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
    keys[key_id] = AccessKey(key_id, name, scopes, salt, _digest(salt, secret), now.isoformat(timespec="seconds"))
    return f"sw_{key_id}_{secret}", keys[key_id]


def _valid(keys: dict[str, AccessKey], key_id: str, now: datetime) -> AccessKey:
    key = keys.get(key_id)
    if key is None or not key.is_valid(now):
        raise InputError(f"there is no valid key {key_id[:40]!r}: `stillwatch keys list` names them.")
    return key


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()
