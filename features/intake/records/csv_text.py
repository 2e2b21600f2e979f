"""CSV files in batches, every value as text. Rows with too many or too few values are marked as broken."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from features.intake.records.arrow_text import to_frame
from features.intake.records.json_text import BROKEN

_HEAD_BYTES = 1 << 16
_RULE = "record|csv"
_MARK = "\U0010ffff"  # stands for bytes that are no UTF-8; no text holds it, since it is no character
_HALF = re.compile("[\udc80-\udcff]")


class _MarkedFile(io.RawIOBase):
    """A file whose bytes that are no UTF-8 are marked, and whose quotation marks are counted: they must be even."""

    def __init__(self, file: pa.NativeFile) -> None:
        super().__init__()
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = bytes(self._file.read(None if size < 0 else size))
        self.quotes += block.count(b'"')
        text = self._decode(block, final=not block)
        try:
            marked = text.encode()
        except UnicodeEncodeError:
            marked = _HALF.sub(_MARK, text).encode()
        return marked or (self.read(size) if block else b"")  # nothing at all would be the end


def read_header(path: Path, compression: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter (comma, semicolon or tab) and the names of the columns of a CSV file.

    Raises:
        ValueError: the first line is no header.
    """
    with pa.input_stream(path, compression=compression) as stream:
        head = stream.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    line = head.split("\n", 1)[0].rstrip("\r")
    delimiter = max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    if not any(name.strip() for name in names):
        raise ValueError("it has no header")
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")
    return delimiter, tuple(names)


def read_csv(path: Path, compression: str | None, names: Sequence[str], block_bytes: int) -> Iterator[pl.DataFrame]:
    """Read some columns of a CSV file, as text, in batches.

    Raises:
        ValueError: a quotation mark is never closed, so rows would be lost.
    """
    delimiter, _ = read_header(path, compression)
    skipped: list[int] = []
    rows = 0
    with pa.input_stream(path, compression=compression) as stream:
        counting = _MarkedFile(stream)
        for batch in _open(counting, delimiter, names, skipped, block_bytes):
            frame = _without_marks(to_frame(batch)) if names else pl.DataFrame(height=batch.num_rows)
            frame = _with_skipped(frame, [number - 2 - rows for number in skipped])  # numbers count the header from 1
            rows += len(frame)
            skipped.clear()
            yield frame
        if skipped:
            yield _with_skipped(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), list(range(len(skipped))))
        if counting.quotes % 2:
            raise ValueError("a quotation mark is never closed")


def _open(
    file: IO[bytes] | io.RawIOBase, delimiter: str, names: Sequence[str], skipped: list[int], block_bytes: int
) -> pa_csv.CSVStreamingReader:
    def skip(row: pa_csv.InvalidRow) -> str:
        skipped.append(row.number or 0)
        return "skip"

    return pa_csv.open_csv(
        pa.PythonFile(file, mode="r"),
        read_options=pa_csv.ReadOptions(block_size=block_bytes, use_threads=False),
        parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pa_csv.ConvertOptions(
            check_utf8=False,
            strings_can_be_null=False,
            column_types=dict.fromkeys(names, pa.large_binary()),
            include_columns=list(names),
        ),
    )


def _without_marks(frame: pl.DataFrame) -> pl.DataFrame:
    """Mark the rows that hold bytes that are no UTF-8, and set such values to null."""
    marks = frame.select(pl.all().str.contains(_MARK, literal=True))
    bad = [name for name in frame.columns if marks[name].any()]
    if not bad:
        return frame
    rules = pl.coalesce(pl.when(pl.lit(marks[name])).then(pl.lit(f"{name}|utf8")) for name in bad)
    return frame.with_columns(pl.when(~pl.lit(marks[name])).then(name).alias(name) for name in bad).with_columns(
        rules.alias(BROKEN)
    )


def _with_skipped(frame: pl.DataFrame, positions: Sequence[int]) -> pl.DataFrame:
    """Put an empty row, marked as broken, at each of the positions."""
    if not positions:
        return frame
    broken = pl.DataFrame(
        {BROKEN: [_RULE] * len(positions), "position": positions}, schema_overrides={"position": pl.Int64}
    )
    taken = set(positions)
    free = (i for i in range(len(frame) + len(positions)) if i not in taken)
    numbered = frame.with_columns(pl.Series("position", [next(free) for _ in range(len(frame))], dtype=pl.Int64))
    return pl.concat([numbered, broken], how="diagonal").sort("position", maintain_order=True).drop("position")
