"""What a file is (Parquet, JSON, CSV; plain, gzip or zstd), and its records in batches of bounded size."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError
from features.intake.records.arrow_text import to_frame
from features.intake.records.csv_text import read_csv, read_header
from features.intake.records.json_blocks import read_blocks
from features.intake.records.json_text import Fields, read_lines

BATCH_ROWS = 1 << 16
"""Most rows of a batch of Parquet. It bounds the memory of the intake: 65,536 prompts of 3 kB are 200 MB."""
BLOCK_BYTES = 1 << 24
"""Bytes of text that are read at once, for the same reason; one record may be longer."""
PARQUET_SUFFIXES = (".parquet", ".pq")
RECORD_SUFFIXES = (*PARQUET_SUFFIXES, ".json", ".jsonl", ".ndjson", ".log", ".csv", ".tsv", ".gz", ".zst")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_FOREIGN = {  # what files of other kinds begin with, and what to do about them
    b"\xff\xfe": "UTF-16: export it as UTF-8",
    b"\xfe\xff": "UTF-16: export it as UTF-8",
    b"PK\x03\x04": "a zip archive or a workbook: unpack it, or export CSV",
    b"\xfd7zXZ": "packed with xz: unpack it, or use gzip or zstd",
    b"BZh9": "packed with bzip2: unpack it, or use gzip or zstd",
    b"Obj\x01": "Avro: export Parquet or JSON lines",
    b"ARROW1\0": "Arrow: export Parquet",
}
_UNREADABLE = (OSError, EOFError, ValueError, pa.ArrowException, pl.exceptions.PolarsError)
_SPACE = b" \t\r\n"


class Container(StrEnum):
    """How records are kept in a file."""

    PARQUET = "Parquet"
    JSON = "JSON"
    CSV = "CSV"


@dataclass(frozen=True)
class RecordFile:
    """A file that holds records.

    Attributes:
        path: where it is.
        container: how the records are kept.
        compression: gzip, zstd or none, of the file as a whole.
        columns: names of the columns, of a Parquet or CSV file.
        rows: how many there are, where the file says so.
    """

    path: Path
    container: Container
    compression: str | None = None
    columns: tuple[str, ...] = ()
    rows: int | None = None


def open_records(path: Path) -> RecordFile:
    """Tell what a file is, by its name if that of Parquet, else by its first bytes.

    Raises:
        InputError: it can't be read.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is a pipe or a device, which can't be read twice: save its content as a file.")
    kind = "a log"
    try:
        with path.open("rb") as file:
            head = file.read(8)
        foreign = next((advice for magic, advice in _FOREIGN.items() if head.startswith(magic)), None)
        if foreign is not None:
            raise InputError(f"{path} is {foreign}.")
        if head.startswith(b"PAR1") or path.suffix in PARQUET_SUFFIXES:
            kind = "Parquet"
            with pq.ParquetFile(path) as parquet:
                names, rows = parquet.schema_arrow.names, parquet.metadata.num_rows
                return RecordFile(path, Container.PARQUET, columns=tuple(names), rows=rows)
        compression = next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)
        with pa.input_stream(path, compression=compression) as stream:
            start = stream.read(1 << 12).removeprefix(codecs.BOM_UTF8).lstrip(_SPACE)
        if start[:1] in (b"{", b"[") or (not start and ".csv" not in path.suffixes):
            return RecordFile(path, Container.JSON, compression)
        kind = "JSON lines or CSV"
        return RecordFile(path, Container.CSV, compression, read_header(path, compression)[1])
    except _UNREADABLE as error:
        raise InputError(f"{path} can't be read as {kind} ({_first_line(error)}): export the file again.") from error


def looks_like_records(path: Path) -> bool:
    """Tell by its first bytes whether a file without a telling name holds Parquet, JSON or an archive."""
    with path.open("rb") as file:
        head = file.read(64)
    return head.startswith((b"PAR1", *_COMPRESSIONS)) or head.lstrip(_SPACE)[:1] in (b"{", b"[")


def read_records(file: RecordFile, fields: Fields) -> Iterator[pl.DataFrame]:
    """Read the fields of all records in batches, in the file's order; those that the file lacks are left out.

    Texts that are no Unicode, and records that can't be read, are marked in the column `BROKEN`.

    Raises:
        InputError: the file breaks off or can't be decoded.
    """
    readers: dict[Container, Callable[[RecordFile, Fields], Iterator[pl.DataFrame]]] = {
        Container.PARQUET: _read_parquet,
        Container.JSON: _read_json,
        Container.CSV: _read_csv,
    }
    rows = 0
    try:
        for frame in readers[file.container](file, fields):
            rows += len(frame)
            yield frame
    except _UNREADABLE as error:
        reason = _first_line(error)
        raise InputError(f"{file.path} breaks off after row {rows} ({reason}): export it again.") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read_parquet(file: RecordFile, fields: Fields) -> Iterator[pl.DataFrame]:
    names = [name for name in file.columns if name in fields]
    with pq.ParquetFile(file.path) as parquet:
        for batch in parquet.iter_batches(BATCH_ROWS, columns=names):
            yield to_frame(batch)


def _read_csv(file: RecordFile, fields: Fields) -> Iterator[pl.DataFrame]:
    names = [name for name in file.columns if name in fields]
    return read_csv(file.path, file.compression, names, BLOCK_BYTES)


def _read_json(file: RecordFile, fields: Fields) -> Iterator[pl.DataFrame]:
    with pa.input_stream(file.path, compression=file.compression) as stream:
        for block in read_blocks(stream, BLOCK_BYTES):
            yield read_lines(block, fields)
