"""Parquet files with the contract's columns, and what is refused about them."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from features.formats.intake import check_rows, find_input_files, read_batches
from features.schemas import INPUT_TABLES


@pytest.mark.parametrize("content", [b"", b"not Parquet at all", b"PAR1" + bytes(40) + b"PAR1"])
def test_an_unreadable_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"bad\.parquet can't be read as Parquet \(.+\): export the file again"
    ) as error:
        find_input_files(tmp_path, "requests")
    assert "\n" not in str(error.value)


def test_a_file_whose_pages_are_damaged_is_refused_with_the_row(tmp_path: Path, log: pl.DataFrame) -> None:
    path = tmp_path / "bad.parquet"
    log.write_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    (file,) = find_input_files(path, "requests")
    with pytest.raises(InputError, match=r"bad\.parquet breaks off after row 0 \(.+\): export it again"):
        list(read_batches(file))


@pytest.mark.parametrize("table", INPUT_TABLES)
def test_every_column_of_the_contract_must_be_there(tmp_path: Path, table: str) -> None:
    whole = INPUT_TABLES[table].create_empty()
    for name in (name for name in whole.columns if name != "updated_at"):
        path = tmp_path / f"{name}.parquet"
        whole.drop(name).write_parquet(path)
        with pytest.raises(InputError, match=f"the column {name} is missing: {table} needs it .nulls are"):
            find_input_files(path, table)


@pytest.mark.parametrize(
    ("column", "values", "got"),
    [
        ("timestamp", [datetime(2026, 1, 1)], "Datetime"),
        ("timestamp", ["2026-01-01T00:00:00Z"], "String"),
        ("input_tokens", [1.0], "Float64"),
        ("input_tokens", ["1"], "String"),
        ("account_id", [1], "Int64"),
        ("stream", [1], "Int64"),
        ("temperature", ["hot"], "String"),
    ],
)
def test_a_column_of_another_type_is_refused(
    tmp_path: Path, log: pl.DataFrame, column: str, values: list[Any], got: str
) -> None:
    path = tmp_path / "typed.parquet"
    log[:1].with_columns(pl.Series(column, values)).write_parquet(path)
    with pytest.raises(InputError, match=f"the column {column} has the type {got}.*expected .*: convert it"):
        find_input_files(path, "requests")


def test_other_widths_and_encodings_of_a_type_are_read(tmp_path: Path, log: pl.DataFrame) -> None:
    path = tmp_path / "wide.parquet"
    wide = log.with_columns(
        pl.col("channel", "model").cast(pl.Categorical),
        pl.col("input_tokens", "status_code").cast(pl.Int64),
        pl.col("temperature").cast(pl.Float64),
        pl.col("timestamp").cast(pl.Datetime("ns", "UTC")),
        conversation_id=pl.lit(None),
        something_else=pl.lit("ignored"),
    )
    wide.write_parquet(path)
    (file,) = find_input_files(path, "requests")
    (batch,) = read_batches(file)
    checked = check_rows(batch, "requests")
    assert checked.rejects.is_empty()
    assert checked.good.drop("row").equals(log)
