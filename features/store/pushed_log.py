"""The accounts that came online one by one: a log to which each push appends those that are new, so it costs no more.

Each line holds one push: the begin of the SHA-256 of the rest, and as JSON its time and the accounts that no earlier
line names. A last line without an end is one that a kill left half written: the next push cuts it off. Another line
that does not fit its digest is damage. The first line holds a random mark, by which a reader that has read a part of
the log sees whether it was written anew since.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock

import numpy as np
import numpy.typing as npt
import polars as pl

from features.errors import IntegrityError

PUSHED = "pushed.log"
_OLDER = "pushed.parquet"  # which earlier releases wrote as a whole at each push
_BEGIN = b"stillwatch pushed 1 "
_FIRST = len(_BEGIN) + 17  # bytes of the first line: the mark has 16 digits
_DIGITS = 16  # of the SHA-256 of a line, in hexadecimal

Push = tuple[datetime, list[str]]


class PushedLog:
    """The log of a feature store, of which this process remembers eight bytes an account.

    Several threads may use it. Processes that write wait for each other.

    Args:
        root: folder of the feature store.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._path, self._lock = root, root / PUSHED, RLock()
        self._mark, self._end, self._hashes = b"", _FIRST, np.zeros(0, np.uint64)
        self._newest: datetime | None = None

    def newest(self) -> datetime | None:
        """The time of the newest push; None without any.

        Raises:
            IntegrityError: the log is damaged.
        """
        with self._lock:
            self._catch_up()
            return self._newest

    def lists(self, account_ids: pl.Series) -> npt.NDArray[np.bool_]:
        """Tell of n accounts whether the log names them; raises as `newest`."""
        with self._lock:
            self._catch_up()
            hashes = account_ids.hash().to_numpy()
            if not len(self._hashes):
                return np.zeros(len(hashes), np.bool_)
            at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            return np.asarray(self._hashes[at] == hashes)

    def append(self, account_ids: Iterable[str], as_of: datetime) -> None:
        """Note a push of a time, and its accounts that no earlier one named; raises as `newest`."""
        with self._writing():
            if not self._path.exists():
                self._replace(self._older())
            ids = pl.Series([*account_ids], dtype=pl.String).unique().sort()
            new = ids.filter(pl.Series(~self.lists(ids), dtype=pl.Boolean))
            with self._path.open("r+b") as file:
                file.truncate(self._end)
                file.seek(self._end)
                file.write(_line((as_of, new.to_list())))

    def rewrite(self, gone: pl.Series, newest: datetime | None = None) -> None:
        """Write the log anew without some accounts; a kill leaves the old log or the new one.

        Args:
            gone: their ids.
            newest: the time of the newest push from now on; None for the one that the log has.

        Raises:
            IntegrityError: the log is damaged.
        """
        if not self._path.exists() and not (self._root / _OLDER).exists():
            return
        with self._writing():
            pushes = self._read_all()
            ids = pl.Series([account for _, accounts in pushes for account in accounts], dtype=pl.String)
            time = newest or max((time for time, _ in pushes), default=None)
            self._replace([] if time is None else [(time, ids.filter(~ids.is_in(gone.implode())).to_list())])

    def _replace(self, pushes: Iterable[Push]) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}.draft")
        draft.write_bytes(b"".join([_BEGIN + secrets.token_hex(8).encode() + b"\n", *map(_line, pushes)]))
        draft.replace(self._path)
        (self._root / _OLDER).unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let no other process write while the block runs; remove what a killed one left."""
        self._root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY)
        try:
            with self._lock:
                fcntl.flock(folder, fcntl.LOCK_EX)
                for left in self._root.glob(f"{self._path.stem}.*.draft"):
                    left.unlink()
                yield
        finally:
            os.close(folder)

    def _read_all(self) -> list[Push]:
        return _read(self._path, _FIRST)[0] if self._path.exists() else self._older()

    def _older(self) -> list[Push]:
        """What an earlier release left: one time for all, in a row without an account too."""
        path = self._root / _OLDER
        if not path.exists():
            return []
        rows = pl.read_parquet(path)
        ids = rows["account_id"].drop_nulls() if "account_id" in rows.columns else pl.Series(dtype=pl.String)
        return [(time, ids.to_list()) for time in rows["as_of"].drop_nulls().unique().sort()[-1:]]

    def _catch_up(self) -> None:
        """Read what was appended since the last call."""
        try:
            with self._path.open("rb") as file:
                mark = file.read(_FIRST)
        except FileNotFoundError:
            self._forget(b"")
            self._note(self._older())
            return
        if not mark.startswith(_BEGIN):
            raise _damaged(self._path)
        if mark != self._mark:
            self._forget(mark)
        pushes, self._end = _read(self._path, self._end)
        self._note(pushes)

    def _note(self, pushes: Sequence[Push]) -> None:
        ids = pl.Series([account for _, accounts in pushes for account in accounts], dtype=pl.String)
        hashes = np.unique(ids.hash().to_numpy())
        self._hashes = np.insert(self._hashes, np.searchsorted(self._hashes, hashes), hashes)
        self._newest = max((time for time in [self._newest, *(time for time, _ in pushes)] if time), default=None)

    def _forget(self, mark: bytes) -> None:
        self._mark, self._end, self._hashes, self._newest = mark, _FIRST, self._hashes[:0], None


def _line(push: Push) -> bytes:
    time, accounts = push
    content = json.dumps([time.isoformat(), accounts], ensure_ascii=False).encode()
    return _digest(content) + b" " + content + b"\n"


def _read(path: Path, begin: int) -> tuple[list[Push], int]:
    """Read the whole lines from a position on; return the position after them too."""
    with path.open("rb") as file:
        file.seek(begin)
        content = file.read()
    *lines, _ = content.split(b"\n")
    return [_parse(path, line) for line in lines], begin + sum(len(line) + 1 for line in lines)


def _parse(path: Path, line: bytes) -> Push:
    digest, _, content = line.partition(b" ")
    if digest != _digest(content):
        raise _damaged(path)
    time, accounts = json.loads(content)
    return datetime.fromisoformat(time), accounts


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is damaged: remove it, and run `stillwatch build`.")


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:_DIGITS].encode()
