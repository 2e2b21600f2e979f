"""What a log format gives the intake."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

BATCH_ROWS = 1 << 16
"""Most rows of a batch. It bounds the memory of the intake: 65,536 prompts of 3 kB are 200 MB."""


@dataclass(frozen=True)
class LogFormat:
    """How the files of one format are read.

    Attributes:
        name: as `stillwatch ingest --format` takes it.
        file_type: what messages call its files.
        suffix: of the files that a folder is searched for, with its dot.
        count_rows: called with a file's path and its table (of `INPUT_TABLES`). Raises `InputError` where the file
            can't be read, or can't hold the table.
        read_batches: called with a path, a table and names of the contract's columns. Yields at most `BATCH_ROWS` rows
            at a time, in the file's order. Columns are named as in the contract and hold the file's own types; those
            that the file lacks are left out, and become null. Raises `InputError` where the file breaks off.
    """

    name: str
    file_type: str
    suffix: str
    count_rows: Callable[[Path, str], int]
    read_batches: Callable[[Path, str, Sequence[str]], Iterator[pl.DataFrame]]
