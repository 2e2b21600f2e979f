"""Input files: which there are, and which of their rows keep the contract.

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

from features.errors import InputError
from features.formats.log_format import LogFormat
from features.formats.native import NATIVE
from features.schemas import INPUT_TABLES


@dataclass(frozen=True)
class InputFile:
    """One file of an input table.

    Attributes:
        path: where it is.
        table: requests, accounts, labels, enforcement or releases.
        rows: how many it holds.
        source: the first 63 bits of the SHA-256 of its bytes: tells it from every other file.
        log_format: how it is read.
    """

    path: Path
    table: str
    rows: int
    source: int
    log_format: LogFormat


@dataclass(frozen=True)
class CheckedRows:
    """Rows of one batch that keep the contract, and where the others stand.

    Attributes:
        good: the contract's columns, and `row`, the position in the file.
        rejects: `row` and `rule`, one row per broken rule.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame


def find_input_files(path: Path, table: str, log_format: LogFormat = NATIVE) -> list[InputFile]:
    """Find the files behind a path: a file, a folder or a glob; sorted, each content once.

    Raises:
        InputError: nothing is there, or a file is unreadable or can't hold the table.
    """
    if path.is_dir():
        paths = sorted(path.rglob(f"*{log_format.suffix}"))
    else:
        matches = [path] if path.is_file() else map(Path, glob(str(path), recursive=True))
        paths = sorted(match for match in matches if match.is_file())
    if not paths:
        raise InputError(f"no {log_format.file_type} file at {path}: expected a file, a folder or a glob with {table}.")
    distinct: dict[int, InputFile] = {}
    for file_path in paths:
        file = _inspect(file_path, table, log_format)
        distinct.setdefault(file.source, file)
    return list(distinct.values())


def _inspect(path: Path, table: str, log_format: LogFormat) -> InputFile:
    rows = log_format.count_rows(path, table)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    source = int.from_bytes(digest[:8]) >> 1
    return InputFile(path=path, table=table, rows=rows, source=source, log_format=log_format)


def read_batches(file: InputFile, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """Read the contract's columns in batches, of the file's own types, with `row`; of `columns` only, the rest null.

    Raises:
        InputError: the file breaks off or can't be decoded.
    """
    names = INPUT_TABLES[file.table].column_names()
    rows_read = 0
    for frame in file.log_format.read_batches(file.path, file.table, columns or names):
        absent = [pl.lit(None).alias(name) for name in names if name not in frame.columns]
        yield frame.with_columns(absent).select(names).with_row_index("row", rows_read)
        rows_read += len(frame)


@cache
def _contract_with_row(table: str) -> type[dy.Schema]:
    """The table's contract with the row's position: dataframely keeps no other columns."""
    return type(f"{table.title()}WithRow", (INPUT_TABLES[table],), {"row": dy.UInt32()})


def check_rows(batch: pl.DataFrame, table: str) -> CheckedRows:
    """Sort the rows of a batch by whether they keep the table's contract.

    A value outside the range of the contract's type (a negative count, say) breaks the rule `<column>|range`.
    """
    contract = _contract_with_row(table)
    names = INPUT_TABLES[table].column_names()
    types = {name: column.dtype for name, column in contract.columns().items()}
    typed = batch.select(pl.col(name).cast(dtype, strict=False) for name, dtype in types.items())
    lost = pl.DataFrame({f"{name}|range": batch[name].is_not_null() & typed[name].is_null() for name in names})
    fits = ~pl.Series(lost.select(pl.any_horizontal(pl.all())).to_series())
    good, failure = contract.filter(typed.filter(fits))
    details = failure.details()
    broken = details.select(pl.exclude(types) == "invalid")
    rejects = [_list_broken(batch["row"].filter(~fits), lost.filter(~fits)), _list_broken(details["row"], broken)]
    return CheckedRows(good, pl.concat(rejects).sort("row"))


def _list_broken(rows: pl.Series, broken: pl.DataFrame) -> pl.DataFrame:
    """Make one row of `row` and `rule` for each true cell."""
    numbered = broken.with_columns(rows.cast(pl.UInt32).alias("row"))
    long = numbered.unpivot(index="row", variable_name="rule", value_name="is_broken")
    return long.filter(pl.col("is_broken").cast(pl.Boolean)).select("row", pl.col("rule").cast(pl.String))
