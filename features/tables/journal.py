"""A journal: events that are durable at once, and go into the lake later, some thousands together.

Segments are only ever appended to. Each entry has its length, and the SHA-256 of that and of its content, so what a
kill left half written is told from what was damaged later: it was never acknowledged. A segment is removed once it is
in the lake, which knows it by its name, should a kill come in between.
"""

import hashlib
import os
import secrets
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
_SUFFIX = ".segment"


@dataclass(frozen=True)
class Segment:
    """A file of entries that nobody appends to any more."""

    path: Path

    @property
    def source(self) -> int:
        """What the lake knows it by: 63 bits that no other segment has."""
        return int(self.path.stem.rpartition("-")[2], 16) >> 1

    def read(self) -> Iterator[pl.DataFrame]:
        """Read the frames that were appended, in order.

        Raises:
            IntegrityError: an entry is not what was appended.
        """
        with self.path.open("rb") as file:
            if file.read(len(_BEGIN)) != _BEGIN[: self.path.stat().st_size]:
                raise IntegrityError(f"{self.path} is no segment of a journal: move it away.")
            while len(head := file.read(_HEAD)) == _HEAD:
                length, digests = head[:_LENGTH], head[_LENGTH:]
                begin = file.tell()
                is_length = digests.startswith(_digest(length))
                content = file.read(int.from_bytes(length)) if is_length else b""
                if is_length and len(content) < int.from_bytes(length):
                    return  # a kill came in between: nobody was told that it is stored
                if digests != _digest(length) + _digest(content):
                    raise IntegrityError(
                        f"{self.path} is damaged at byte {begin}: restore it from a copy, or move it away and send the "
                        "events of its time again; what is stored already is not stored twice."
                    )
                yield pl.read_ipc_stream(content)

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


class Journal:
    """The segments of a folder; one process at a time appends to them.

    Args:
        folder: where the segments lie.
        is_synced: whether an entry survives a loss of power, and not only the end of the process.
    """

    def __init__(self, folder: Path, is_synced: bool = True) -> None:
        self._folder, self._is_synced = folder, is_synced
        self._file: BinaryIO | None = None
        self._segments = [Segment(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]

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
            self._file = None  # what follows goes into another segment
            with suppress(OSError):
                file.truncate(end)
            raise

    def close_segment(self) -> None:
        """Let what is appended from now on go into another segment."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def closed(self) -> list[Segment]:
        """The segments that nobody appends to, in the order of their first entries."""
        return self._segments[:-1] if self._file else list(self._segments)

    def forget(self, segment: Segment) -> None:
        """Remove a segment whose events lie elsewhere."""
        segment.remove()
        self._segments.remove(segment)

    def _begin(self) -> BinaryIO:
        """Begin another segment."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = 1 + max((int(segment.path.stem.partition("-")[0]) for segment in self._segments), default=0)
        path = self._folder / f"{number:012d}-{secrets.token_hex(8)}{_SUFFIX}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb", buffering=0)
        self._file.write(_BEGIN)
        self._segments.append(Segment(path))
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            self._sync(folder)
        finally:
            os.close(folder)
        return self._file

    def _sync(self, handle: int) -> None:
        if self._is_synced:
            os.fsync(handle)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
