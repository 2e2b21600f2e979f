"""What is stored of the checked rows, put aside until all files are checked; so no file is read twice.

The rows have lost their text and their addresses before they are put aside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

_FRAME_ROWS = 1 << 17
"""Least rows of a frame that is read back, where the file has as many. Small frames make small, slow groups of rows in
the tables; twice as many take twice the memory: 131,072 events are 50 MB, and twice that while they are sorted."""


@dataclass
class ReducedRows:
    """Reduced rows of a file.

    Attributes:
        folder: they lie there, in files that nobody else writes.
        parts: how many batches there are.
    """

    folder: Path
    parts: int = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Put a batch aside."""
        rows.write_ipc(self._part(self.parts), compression="zstd")
        self.parts += 1

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield the rows, in the order of the file, as fewer and larger frames."""
        frames: list[pl.DataFrame] = []
        for number in range(self.parts):
            frames.append(pl.read_ipc(self._part(number)))
            if sum(map(len, frames)) >= _FRAME_ROWS:
                yield pl.concat(frames)
                frames = []
        if frames:
            yield pl.concat(frames)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06d}.rows.arrow"
