"""The manifest of log formats, and what a further format needs."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import features.formats
from features.errors import InputError
from features.formats import FORMATS, LogFormat, format_named
from features.formats.intake import check_rows, find_input_files, read_batches
from features.formats.log_format import BATCH_ROWS


def test_every_file_with_a_format_is_in_the_manifest_under_its_name() -> None:
    folder = Path(features.formats.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if " = LogFormat(" in path.read_text(encoding="utf-8")}
    assert files == set(FORMATS)
    assert all(format_named(name).name == name for name in files)


def test_an_unknown_format_is_refused_with_the_names_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.formats, "FORMATS", {"native": FORMATS["native"], "lines": LINES})
    with pytest.raises(InputError, match=r"there is no format 'csv': expected native or lines\."):
        format_named("csv")


def _objects(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _read_lines(path: Path, _table: str, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    frame = pl.DataFrame(_objects(path), infer_schema_length=None).rename({"id": "request_id"})
    arrival = pl.col("timestamp").str.to_datetime(time_zone="UTC")
    for begin in range(0, len(frame), BATCH_ROWS):
        read = frame[begin : begin + BATCH_ROWS].with_columns(arrival)
        yield read.select(name for name in columns if name in read.columns)


LINES = LogFormat(
    name="lines",
    file_type="JSON",
    suffix=".jsonl",
    count_rows=lambda path, _table: len(_objects(path)),
    read_batches=_read_lines,
)


def test_a_further_format_gives_the_rows_of_the_native_one(tmp_path: Path, log: pl.DataFrame) -> None:
    renamed = log.rename({"request_id": "id"}).drop("tls_ja4")
    renamed.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_ndjson(tmp_path / "log.jsonl")
    log.write_parquet(tmp_path / "log.parquet")
    (lines,), (native,) = find_input_files(tmp_path, "requests", LINES), find_input_files(tmp_path, "requests")
    assert (lines.path.name, lines.rows) == ("log.jsonl", native.rows)
    good, want = (check_rows(next(read_batches(file)), "requests").good for file in (lines, native))
    assert_frame_equal(good, want.with_columns(tls_ja4=pl.lit(None, pl.String)), check_exact=True)


def test_a_folder_without_files_of_the_format_is_refused(tmp_path: Path, log: pl.DataFrame) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"no JSON file at .*: expected a file, a folder or a glob with requests"):
        find_input_files(tmp_path, "requests", LINES)
