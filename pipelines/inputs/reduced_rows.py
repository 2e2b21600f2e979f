"""What is stored of the checked rows, put aside until all files are checked; so no file is read twice.

The rows have lost their text and their addresses before they are put aside.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

_FRAME_ROWS = 1 << 17
"""Least rows of a frame that is read back, where the file has as many. Small frames make small, slow groups of rows in
the tables; twice as many take twice the memory: 131,072 events are 50 MB, and twice that while they are sorted."""


class ReducedRows:
    """Reduced rows of a run, by file.

    Args:
        scratch: a folder that is removed at the end of the run, or by the next one if this one is killed.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._parts: dict[int, list[Path]] = {}

    def add(self, source: int, rows: pl.DataFrame) -> None:
        """Put a batch of a file aside."""
        parts = self._parts.setdefault(source, [])
        parts.append(self._scratch / f"{source}-{len(parts):06d}.rows.arrow")
        rows.write_ipc(parts[-1], compression="zstd")

    def take(self, source: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of a file, in its order, as fewer and larger frames, and forget them."""
        frames: list[pl.DataFrame] = []
        for part in self._parts.pop(source, []):
            frames.append(pl.read_ipc(part))
            part.unlink()
            if sum(map(len, frames)) >= _FRAME_ROWS:
                yield pl.concat(frames)
                frames = []
        if frames:
            yield pl.concat(frames)
