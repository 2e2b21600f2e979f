"""A journal: events that are durable at once, and go into the lake later, some thousands together.

One process appends to a segment and lets others read it; a segment that is closed is put into the lake and removed.
Each entry has its length, and the SHA-256 of that and of its content, so what a kill left half written is told from
what was damaged later: it was never acknowledged. The lake knows a segment by its name, should a kill come between
storing and removing.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import polars as pl

from features.errors import IntegrityError

_BEGIN = b"stillwatch events 1\n"
_LENGTH = 8  # bytes of an entry's length
_HEAD = _LENGTH + 2 * hashlib.sha256().digest_size
_OPEN, _CLOSED = ".open", ".segment"


@dataclass(frozen=True)
class JournalSegment:
    """A file of entries."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called, whether or not it is closed."""
        return self.path.stem

    @property
    def source(self) -> int:
        """What the lake knows it by: 63 bits that no other segment has."""
        return int(self.name.rpartition("-")[2], 16) >> 1

    def read(self, begin: int = 0) -> Iterator[tuple[pl.DataFrame, int]]:
        """Read the frames from a position on, each with the position after it; a last entry that is not whole is left.

        Raises:
            IntegrityError: an entry is not what was appended.
        """
        with self.path.open("rb") as file:
            mark = file.read(len(_BEGIN))
            if not _BEGIN.startswith(mark):
                raise IntegrityError(f"{self.path} is no segment of a journal: move it away.")
            file.seek(max(begin, len(_BEGIN)))
            while len(head := file.read(_HEAD)) == _HEAD:
                length, digests = head[:_LENGTH], head[_LENGTH:]
                is_length = digests.startswith(_digest(length))
                content = file.read(int.from_bytes(length)) if is_length else b""
                if is_length and len(content) < int.from_bytes(length):
                    return  # being written, or a kill came in between: nobody was told that it is stored
                if digests != _digest(length) + _digest(content):
                    raise IntegrityError(
                        f"{self.path} is damaged before byte {file.tell()}: restore it from a copy, or move it away "
                        "and send the events of its time again; what is stored already is not stored twice."
                    )
                yield pl.read_ipc_stream(content), file.tell()


class Journal:
    """The writing end: one process at a time.

    Args:
        folder: where the segments lie.
        is_synced: whether an entry survives a loss of power, and not only the end of the process.
    """

    def __init__(self, folder: Path, is_synced: bool = True) -> None:
        self._folder, self._is_synced = folder, is_synced
        self._file: BinaryIO | None = None
        self._path = folder
        self._begun = 0.0

    def append(self, events: pl.DataFrame) -> None:
        """Append a frame: it is durable when this returns.

        Raises:
            OSError: it can't be written; then it is not there.
        """
        stream = BytesIO()
        events.write_ipc_stream(stream, compression="zstd")
        content = stream.getvalue()
        length = len(content).to_bytes(_LENGTH)
        file = self._file or self._begin()
        end = file.tell()
        try:
            file.write(length + _digest(length) + _digest(content) + content)
            self._sync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(end)
            self.close_segment()  # what follows goes into another one
            raise

    def close_segment(self, older_than: float = 0.0) -> None:
        """Let what is appended from now on go into another segment, if this one was begun so many seconds ago."""
        if self._file is not None and time.monotonic() - self._begun >= older_than:
            self._path.rename(self._path.with_suffix(_CLOSED))
            self._file.close()
            self._file = None

    def _begin(self) -> BinaryIO:
        """Begin another segment, locked for as long as it may grow."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        numbers = [int(path.name.partition("-")[0]) for path in self._folder.glob("*-*.*")]
        self._path = self._folder / f"{1 + max(numbers, default=0):012d}-{secrets.token_hex(8)}{_OPEN}"
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._file = os.fdopen(handle, "wb", buffering=0)
        self._file.write(_BEGIN)
        self._begun = time.monotonic()
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            self._sync(folder)
        finally:
            os.close(folder)
        return self._file

    def _sync(self, handle: int) -> None:
        if self._is_synced:
            os.fsync(handle)


class JournalReader:
    """The reading end: gives every entry once, and the segments that are closed.

    Args:
        folder: where the segments lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._positions: dict[str, int] = {}

    def new(self) -> list[pl.DataFrame]:
        """Read what was appended since the last call, in order.

        Raises:
            IntegrityError: see `JournalSegment.read`.
        """
        frames = []
        for segment in self._segments():
            with suppress(FileNotFoundError):  # closed, and so renamed, in this moment: read at the next call
                for frame, end in segment.read(self._positions.get(segment.name, 0)):
                    frames.append(frame)
                    self._positions[segment.name] = end
        return frames

    def closed(self) -> list[JournalSegment]:
        """The closed segments, the oldest first. `new` has to be called once more to have read all of them."""
        return [segment for segment in self._segments() if segment.path.suffix == _CLOSED]

    def close_left(self) -> None:
        """Close the segments of writers that are gone; waits for one that is just ending."""
        for path in self._folder.glob(f"*{_OPEN}"):
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if path.exists():
                    path.rename(path.with_suffix(_CLOSED))

    def remove(self, segment: JournalSegment) -> None:
        """Remove a segment whose events lie elsewhere."""
        segment.path.unlink(missing_ok=True)
        self._positions.pop(segment.name, None)

    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.path.stat().st_size for segment in self._segments() if segment.path.exists())

    def _segments(self) -> list[JournalSegment]:
        paths = [*self._folder.glob(f"*{_OPEN}"), *self._folder.glob(f"*{_CLOSED}")]
        return sorted({path.stem: JournalSegment(path) for path in paths}.values(), key=lambda segment: segment.name)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
