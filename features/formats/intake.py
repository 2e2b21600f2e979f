"""Input files: which there are, whether they have the contract's columns, and which of their rows keep the contract.

Nothing here writes. A file is read in batches, so that memory is bounded by a batch.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path

import dataframely as dy
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError
from features.schemas import INPUT_TABLES

BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class InputFile:
    """One Parquet file of an input table.

    Attributes:
        path: where it is.
        table: requests, accounts, labels, enforcement or releases.
        rows: from its footer.
        source: the first 63 bits of the SHA-256 of its bytes: tells it from every other file.
    """

    path: Path
    table: str
    rows: int
    source: int


@dataclass(frozen=True)
class CheckedRows:
    """Rows of one batch that keep the contract, and where the others stand.

    Attributes:
        good: the contract's columns, and `row`, the position in the file.
        rejects: `row` and `rule`, one row per broken rule.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame


def find_input_files(path: Path, table: str) -> list[InputFile]:
    """The Parquet files behind a path: a file, a folder or a glob; sorted, each content once.

    Raises:
        InputError: nothing there, unreadable, a column missing or of a wrong type.
    """
    if path.is_dir():
        paths = sorted(path.rglob("*.parquet"))
    else:
        matches = [path] if path.is_file() else map(Path, glob(str(path), recursive=True))
        paths = sorted(match for match in matches if match.is_file())
    if not paths:
        raise InputError(f"no Parquet file at {path}: expected a file, a folder or a glob with {table}.")
    distinct: dict[int, InputFile] = {}
    for found in paths:
        file = _inspect(found, table)
        distinct.setdefault(file.source, file)
    return list(distinct.values())


def _inspect(path: Path, table: str) -> InputFile:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        with pq.ParquetFile(path) as parquet:
            rows, schema = parquet.metadata.num_rows, pl.Schema(parquet.schema_arrow)
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}): export the file again.") from error
    _check_columns(path, table, schema)
    return InputFile(path, table, rows, int.from_bytes(digest[:8]) >> 1)


def _check_columns(path: Path, table: str, schema: pl.Schema) -> None:
    for name, column in INPUT_TABLES[table].columns().items():
        if name not in schema:
            hint = "nulls are allowed" if column.nullable else "nulls are not allowed"
            raise InputError(f"{path}: the column {name} is missing: {table} needs it ({hint}).")
        if not _fits(schema[name], column.dtype):
            raise InputError(
                f"{path}: the column {name} has the type {schema[name]}, expected {column.dtype}: convert it."
            )


def _fits(got: pl.DataType, want: pl.DataType) -> bool:
    """May a column of this type be read as the contract's? Values that don't fit are rejected row by row."""
    if got == pl.Null or got == want:
        return True
    if isinstance(want, pl.Datetime):
        return isinstance(got, pl.Datetime) and got.time_zone == want.time_zone
    if want == pl.String:
        return isinstance(got, pl.Categorical | pl.Enum)
    if want.is_float():
        return got.is_numeric()
    return want.is_integer() and got.is_integer()


def read_batches(file: InputFile, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """The contract's columns in batches, of the file's own types, with `row`; of `columns` only, the rest null.

    Raises:
        InputError: the file breaks off or can't be decoded.
    """
    names = INPUT_TABLES[file.table].column_names()
    begin = 0
    try:
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=columns or names):
                frame = pl.DataFrame(batch)
                absent = [pl.lit(None).alias(name) for name in names if name not in frame.columns]
                yield frame.with_columns(absent).select(names).with_row_index("row", begin)
                begin += len(frame)
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file.path} breaks off after row {begin} ({reason}): export it again.") from error


@cache
def _placed(table: str) -> type[dy.Schema]:
    """The table's contract with the row's position: dataframely keeps no other columns."""
    return type(f"Placed{table.title()}", (INPUT_TABLES[table],), {"row": dy.UInt32()})


def check_rows(batch: pl.DataFrame, table: str) -> CheckedRows:
    """Sort the rows of a batch by whether they keep the table's contract.

    A value outside the range of the contract's type (a negative count, say) breaks the rule `<column>|range`.
    """
    contract = _placed(table)
    names = INPUT_TABLES[table].column_names()
    types = {name: column.dtype for name, column in contract.columns().items()}
    typed = batch.select(pl.col(name).cast(dtype, strict=False) for name, dtype in types.items())
    lost = pl.DataFrame({f"{name}|range": batch[name].is_not_null() & typed[name].is_null() for name in names})
    fits = ~pl.Series(lost.select(pl.any_horizontal(pl.all())).to_series())
    good, failure = contract.filter(typed.filter(fits))
    details = failure.details()
    broken = details.select(pl.exclude(types) == "invalid")
    rejects = [_named(batch["row"].filter(~fits), lost.filter(~fits)), _named(details["row"], broken)]
    return CheckedRows(good, pl.concat(rejects).sort("row"))


def _named(rows: pl.Series, broken: pl.DataFrame) -> pl.DataFrame:
    """`row` and `rule` for each true cell."""
    placed = broken.with_columns(rows.cast(pl.UInt32).alias("row"))
    long = placed.unpivot(index="row", variable_name="rule", value_name="is_broken")
    return long.filter(pl.col("is_broken").cast(pl.Boolean)).select("row", pl.col("rule").cast(pl.String))
