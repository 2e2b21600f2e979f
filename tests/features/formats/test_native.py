"""Parquet files with the contract's columns, and what is refused about them."""

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches
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
def test_a_column_that_may_not_be_null_must_be_there_and_the_others_are_null(table: str) -> None:
    for name, column in INPUT_TABLES[table].columns().items():
        frame = INPUT_TABLES[table].create_empty().drop(name).with_row_index("row")
        assert check_rows(frame, table).problems == ({} if column.nullable else {f"{name}|missing": ""})


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("timestamp", [datetime(2026, 1, 1)], "timestamp|zone"),
        ("timestamp", [True], "timestamp|type"),
        ("input_tokens", [[1]], "input_tokens|type"),
        ("input_tokens", [True], "input_tokens|type"),
        ("account_id", [1.5], "account_id|type"),
        ("stream", [[True]], "stream|type"),
        ("prompt", [{"text": "hello"}], "prompt|type"),
    ],
)
def test_a_column_of_a_type_without_a_certain_meaning_is_a_problem_of_the_file(
    log: pl.DataFrame, column: str, values: list[Any], problem: str
) -> None:
    checked = check_rows(log[:1].with_columns(pl.Series(column, values)).with_row_index("row"), "requests")
    assert list(checked.problems) == [problem]
    assert checked.rejects.is_empty()


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
    assert checked.good.drop("row").equals(log.with_columns(conversation_id=pl.lit(None, pl.String)))
