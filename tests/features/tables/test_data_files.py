"""Data files: what is written is read back, and a name stands for a content."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.errors import IntegrityError
from features.tables.data_files import DRAFT, Layout, check_content, is_own_name, write_data_files

SCHEMA = pl.Schema({"who": pl.String(), "at": pl.Datetime("us", "UTC"), "day": pl.Date(), "marks": pl.List(pl.Int16())})
LAYOUT = Layout(SCHEMA, ("who", "at"), "day", "at")
PLAIN = Layout(SCHEMA, ())


def rows(*days: int) -> pl.DataFrame:
    times = [datetime(2026, 6, day, 12, 0, 0, 123_456, tzinfo=UTC) for day in days]
    values = [(f"w{9 - i}", time, time.date(), [i, -1]) for i, time in enumerate(times)]
    return pl.DataFrame(values, schema=SCHEMA, orient="row")


def test_rows_are_read_back_sorted_from_a_file_for_each_day_with_the_bounds_of_its_times(tmp_path: Path) -> None:
    frames = [rows(1, 2, 1), rows(2)]
    files = write_data_files(tmp_path, LAYOUT, 7, frames)
    assert [file.partition for file in files] == [{"day": "2026-06-01"}, {"day": "2026-06-02"}]
    assert [(tmp_path / file.path).stat().st_size for file in files] == [file.size for file in files]
    first = pl.read_parquet(tmp_path / files[0].path, hive_partitioning=False)
    assert first["who"].to_list() == ["w7", "w9"]
    everything = pl.concat([pl.read_parquet(tmp_path / file.path, hive_schema={"day": pl.Date}) for file in files])
    assert everything.select(SCHEMA.names()).sort("who", "at").equals(pl.concat(frames).sort("who", "at"))
    assert '"at": "2026-06-01T12:00:00.123Z"' in files[0].stats
    assert '"at": "2026-06-01T12:00:00.124Z"' in files[0].stats
    assert '"numRecords": 2' in files[0].stats
    assert not list(tmp_path.glob(f"{DRAFT}*"))


NUMBERS = st.sampled_from([0, 1, -1, 7, 2**60, 2**62, -(2**62), 2**63 - 1, None])
HOURS = st.sampled_from([0, 1, 2, 700_000]).map(lambda hour: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour))
TIMES = st.sampled_from([1, 3_600_000_000, 2**52]).map(lambda us: datetime(2000, 1, 1) + timedelta(microseconds=us))
ROWS = st.tuples(st.sampled_from([-3, 5, 100]), st.sampled_from(["", "a", "ä", "b", None]), HOURS, TIMES, NUMBERS)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=30), st.permutations(["kind", "name", "hour", "time", "key"]))
def test_the_order_of_rows_is_that_of_the_columns_whatever_their_types_and_ranges(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], order: list[str]
) -> None:
    schema = pl.Schema({
        "kind": pl.Int8, "name": pl.String, "hour": pl.Datetime("us", "UTC"), "time": pl.Datetime("us"),
        "key": pl.Int64, "position": pl.Int64,
    })  # fmt: skip
    frame = pl.DataFrame([(*row, i) for i, row in enumerate(values)], schema=schema, orient="row")
    folder = tmp_path_factory.mktemp("table")
    (file,) = write_data_files(folder, Layout(schema, tuple(order)), 1, [frame])
    assert_frame_equal(pl.read_parquet(folder / file.path), frame.sort(order, maintain_order=True))


def test_pages_have_checksums(tmp_path: Path) -> None:
    (file,) = write_data_files(tmp_path, PLAIN, 7, [rows(1, 2)])
    assert pq.read_table(tmp_path / file.path, page_checksum_verification=True).num_rows == 2


def test_equal_rows_under_other_marks_are_two_files_and_under_the_same_mark_the_same_bytes(tmp_path: Path) -> None:
    (first,), (second,), (again,) = (write_data_files(tmp_path, PLAIN, mark, [rows(1)]) for mark in (1, -2, 1))
    assert first.path == again.path != second.path
    assert all(is_own_name(Path(file.path).name) for file in (first, second))
    assert not is_own_name("part-00000-728de354-52ed-4da7-b076-bd1d07a5bbe0-c000.snappy.parquet")


def test_without_rows_there_is_no_file(tmp_path: Path) -> None:
    assert write_data_files(tmp_path, LAYOUT, 7, [rows()]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield rows(1, 2)
        raise RuntimeError("the export breaks off")

    with pytest.raises(RuntimeError, match="the export breaks off"):
        write_data_files(tmp_path, LAYOUT, 7, broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("position", [0, 5, 200, -9, -1])
def test_a_flipped_bit_is_found(tmp_path: Path, position: int) -> None:
    (file,) = write_data_files(tmp_path, PLAIN, 7, [rows(1, 2)])
    path = tmp_path / file.path
    check_content(path)
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is damaged: its content is not what was written"):
        check_content(path)
    path.unlink()
    with pytest.raises(IntegrityError, match=r"can't be read \(No such file or directory\): restore"):
        check_content(path)


def test_a_day_is_a_folder(tmp_path: Path) -> None:
    (file,) = write_data_files(tmp_path, LAYOUT, 7, [rows(3)])
    assert Path(file.path).parent.name == f"day={date(2026, 6, 3)}"
