"""Records become rows of a contract: which of them keep it, what was changed on the way, and what was not.

A file is read in batches, so that memory is bounded by a batch.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import dataframely as dy
import polars as pl

from features.errors import InputError
from features.formats.log_format import IS_REQUEST
from features.intake.files import InputFile
from features.intake.records.containers import Container, read_records
from features.intake.records.json_text import BROKEN
from features.intake.values.columns import fill_failed, read_column
from features.intake.values.reading import AS_IT_IS, LogOptions, Reading, refuse_column
from features.schemas import INPUT_TABLES

_OF_TYPE = ("number", "flag", "time")  # changes that say nothing of a file whose values are all texts


@dataclass(frozen=True)
class CheckedRows:
    """Rows of one batch that keep the contract, where the others stand, and what was changed.

    Attributes:
        good: the contract's columns, and `row`, the position in the file.
        rejects: `row` and `rule`, one row per broken rule.
        changes: by column and kind of change, how many values.
        problems: rules that a column breaks as a whole, whatever its values, and its type in the file.
        rows: how many rows were checked.
        skipped: how many further records are no requests.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    skipped: int = 0


def read_batches(file: InputFile, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    """Read the contract's columns in batches, of the file's own types, with `row`; of `columns` only, if given.

    Columns that the file lacks are left out.

    Raises:
        InputError: the file breaks off, can't be decoded, or has no row to check and is of something else.
    """
    everything = INPUT_TABLES[file.table].column_names()
    names = columns or everything
    log_format = file.log_format
    # A line of JSON is checked as a whole; of other files all that will be stored is read, to see whether it is text.
    fields = log_format.fields(names if file.records.container is Container.JSON else everything)
    rows_read = 0
    for records in read_records(file.records, fields):
        frame = _to_rows(file, records, names)
        yield frame.with_row_index("row", rows_read)
        rows_read += len(frame)
    if not rows_read and file.records.columns and not set(file.records.columns) & set(log_format.fields(everything)):
        raise InputError(f"{file.path} has no row and no column of {file.table}: give the export of {file.table}.")


def read_columns(file: InputFile, names: Sequence[str], options: LogOptions = AS_IT_IS) -> Iterator[pl.DataFrame]:
    """Read some columns in batches, with the contract's values, also of rows that break the contract elsewhere.

    A value that can't be read is null, and so is a column that the file lacks.

    Raises:
        InputError: the file has none of the columns, breaks off or can't be decoded.
    """
    fields = file.log_format.fields(names)
    if file.records.columns and not {*file.records.columns, *file.partitions} & {*fields, *names}:
        raise InputError(
            f"{file.path} has none of the columns {', '.join(fields)} of {file.table}: give the export of {file.table}."
        )
    for records in read_records(file.records, fields):
        batch = _only_requests(_to_rows(file, records, names))
        readings = _readings(batch, file.table, options)
        yield batch.select(readings[name].value for name in names)


def _to_rows(file: InputFile, records: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Columns of the contract from records, and from the file's path."""
    given = {name: pl.lit(value, pl.String) for name, value in file.partitions.items() if name in names}
    return file.log_format.to_rows(records, names).with_columns(**given)


def _only_requests(batch: pl.DataFrame) -> pl.DataFrame:
    return batch.filter(pl.col(IS_REQUEST).fill_null(True)) if IS_REQUEST in batch.columns else batch


@cache
def _contract_with_row(table: str) -> type[dy.Schema]:
    """The table's contract with the row's position: dataframely keeps no other columns."""
    return type(f"{table.title()}WithRow", (INPUT_TABLES[table],), {"row": dy.UInt32()})


def check_rows(
    batch: pl.DataFrame, table: str, options: LogOptions = AS_IT_IS, container: Container = Container.PARQUET
) -> CheckedRows:
    """Read the values of a batch as the contract's, and sort its rows by whether they keep it.

    Args:
        batch: `row`, and columns of the contract of any type; those that are absent are null.
        table: which contract.
        options: what a person says of the log.
        container: what the batch was read from.
    """
    contract = _contract_with_row(table)
    records = len(batch)
    batch = _only_requests(batch)
    readings = _readings(batch, table, options)
    typed = batch.select("row", *[reading.value for reading in readings.values()])
    lost = _lost(batch, readings)
    changes = _count_changes(batch, readings, container)
    if table == "requests":
        typed, failed = fill_failed(typed)
        changes.update({(name, "failed"): count for name, count in failed.items() if count})
    fits = ~lost.select(pl.any_horizontal(pl.all())).to_series()
    good, failure = contract.filter(typed.filter(fits))
    details = failure.details()
    broken = details.select(pl.exclude(contract.column_names()) == "invalid")
    rejects = [_list_broken(batch["row"].filter(~fits), lost.filter(~fits)), _list_broken(details["row"], broken)]
    problems = {reading.problem: reading.detail for reading in readings.values() if reading.problem}
    explained = [f"{rule.partition('|')[0]}|nullability" for rule in problems]  # of all rows, for the column's problem
    return CheckedRows(
        good=good,
        rejects=pl.concat(rejects).filter(~pl.col("rule").is_in(explained)).sort("row"),
        changes=changes,
        problems=problems,
        rows=len(batch),
        skipped=records - len(batch),
    )


def _readings(batch: pl.DataFrame, table: str, options: LogOptions) -> dict[str, Reading]:
    readings = {}
    for name, column in INPUT_TABLES[table].columns().items():
        if name in batch.columns:
            readings[name] = read_column(batch[name], column.dtype, column.nullable, options)
        elif column.nullable:
            readings[name] = Reading(pl.lit(None, column.dtype).alias(name))
        else:
            readings[name] = refuse_column(name, "missing", column.dtype)
    return readings


def _lost(batch: pl.DataFrame, readings: dict[str, Reading]) -> pl.DataFrame:
    """Tell by rule which rows can't be read; `row` is a rule that none breaks, for a frame of the right height."""
    masks = {rule: mask for reading in readings.values() for rule, mask in reading.lost.items()}
    lost = batch.select(pl.col("row").is_null(), **masks).fill_null(False)
    if BROKEN not in batch.columns:
        return lost
    rules = batch[BROKEN].drop_nulls().unique().sort()
    return lost.with_columns((batch[BROKEN] == rule).fill_null(False).alias(rule) for rule in rules)


def _count_changes(batch: pl.DataFrame, readings: dict[str, Reading], container: Container) -> Counter[tuple[str, str]]:
    masks = {
        (name, kind): mask
        for name, reading in readings.items()
        for kind, mask in reading.changes.items()
        if container is Container.PARQUET or kind not in _OF_TYPE
    }
    if not masks:
        return Counter()
    counts = batch.select(mask.sum().cast(pl.Int64).alias(str(i)) for i, mask in enumerate(masks.values())).row(0)
    return Counter({key: count for key, count in zip(masks, counts, strict=True) if count})


def _list_broken(rows: pl.Series, broken: pl.DataFrame) -> pl.DataFrame:
    """Make one row of `row` and `rule` for each true cell."""
    numbered = broken.drop("row", strict=False).with_columns(rows.cast(pl.UInt32).alias("row"))
    long = numbered.unpivot(index="row", variable_name="rule", value_name="is_broken")
    return long.filter(pl.col("is_broken").cast(pl.Boolean)).select("row", pl.col("rule").cast(pl.String))
