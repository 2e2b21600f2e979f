"""Rows are put aside by file, and come back in their order."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.inputs import reduced_rows
from pipelines.inputs.reduced_rows import ReducedRows


def batches(count: int, rows: int) -> list[pl.DataFrame]:
    schema = {"n": pl.Int64(), "topic": pl.List(pl.Int16)}
    columns = ({"n": range(i * rows, (i + 1) * rows), "topic": [[i, None]] * rows} for i in range(count))
    return [pl.DataFrame(column, schema=schema) for column in columns]


def test_rows_of_a_file_come_back_in_their_order_as_often_as_they_are_read(tmp_path: Path) -> None:
    reduced, parts = ReducedRows(tmp_path), batches(12, 3)
    for part in parts:
        reduced.add(part)
    for _ in range(2):
        assert_frame_equal(pl.concat(reduced.read()), pl.concat(parts))


def test_a_file_without_rows_differs_from_one_without_batches(tmp_path: Path) -> None:
    reduced = ReducedRows(tmp_path)
    assert list(reduced.read()) == []
    reduced.add(batches(1, 0)[0])
    assert [len(frame) for frame in reduced.read()] == [0]


def test_small_batches_come_back_as_frames_of_bounded_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reduced_rows, "_FRAME_ROWS", 7)
    reduced = ReducedRows(tmp_path)
    for part in batches(8, 3):
        reduced.add(part)
    assert [len(frame) for frame in reduced.read()] == [9, 9, 6]
