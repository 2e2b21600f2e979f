"""The native format: Parquet files whose columns are those of the contract."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError
from features.formats.log_format import BATCH_ROWS, LogFormat
from features.schemas import INPUT_TABLES

_UNREADABLE = (OSError, pa.ArrowException, pl.exceptions.PolarsError)


def _count_rows(path: Path, table: str) -> int:
    """Return the rows of a file from its footer, once its columns are those of the table's contract."""
    try:
        with pq.ParquetFile(path) as parquet:
            rows, schema = parquet.metadata.num_rows, pl.Schema(parquet.schema_arrow)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}): export the file again.") from error
    _check_columns(path, table, schema)
    return int(rows)


def _check_columns(path: Path, table: str, schema: pl.Schema) -> None:
    for name, column in INPUT_TABLES[table].columns().items():
        if name not in schema and name == "updated_at":
            continue
        if name not in schema:
            hint = "nulls are allowed" if column.nullable else "nulls are not allowed"
            raise InputError(f"{path}: the column {name} is missing: {table} needs it ({hint}).")
        if not _is_readable_as(schema[name], column.dtype):
            raise InputError(
                f"{path}: the column {name} has the type {schema[name]}, expected {column.dtype}: convert it."
            )


def _is_readable_as(stored: pl.DataType, contract: pl.DataType) -> bool:
    """Tell whether a column may be read as the contract's type; values that don't fit are rejected row by row."""
    if stored == pl.Null or stored == contract:
        return True
    if isinstance(contract, pl.Datetime):
        return isinstance(stored, pl.Datetime) and stored.time_zone == contract.time_zone
    if contract == pl.String:
        return isinstance(stored, pl.Categorical | pl.Enum)
    if contract.is_float():
        return stored.is_numeric()
    return contract.is_integer() and stored.is_integer()


def _read_batches(path: Path, _table: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    rows_read = 0
    try:
        with pq.ParquetFile(path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns)):
                frame = pl.DataFrame(batch)
                rows_read += len(frame)
                yield frame
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} breaks off after row {rows_read} ({reason}): export it again.") from error


NATIVE = LogFormat(
    name="native", file_type="Parquet", suffix=".parquet", count_rows=_count_rows, read_batches=_read_batches
)
