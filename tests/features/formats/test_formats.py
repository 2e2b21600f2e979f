"""The manifest of log formats, and what a further format needs."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import features.formats
from features.errors import InputError
from features.formats import FORMATS, LogFormat, format_named
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches


def test_every_file_with_a_format_is_in_the_manifest_under_its_name() -> None:
    folder = Path(features.formats.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if " = LogFormat(" in path.read_text(encoding="utf-8")}
    assert files == set(FORMATS)
    assert all(format_named(name).name == name for name in files)


def test_an_unknown_format_is_refused_with_the_names_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.formats, "FORMATS", {"native": FORMATS["native"], "lines": LINES})
    with pytest.raises(InputError, match=r"there is no format 'csv': expected native or lines\."):
        format_named("csv")


LINES = LogFormat(
    name="lines",
    suffixes=(".jsonl",),
    fields=lambda columns: {name if name != "request_id" else "id": pl.String() for name in columns},
    to_rows=lambda records, columns: records.rename({"id": "request_id"}).select(columns),
    advice={},
)


def test_a_further_format_gives_the_rows_of_the_native_one(tmp_path: Path, log: pl.DataFrame) -> None:
    renamed = log.rename({"request_id": "id"}).drop("tls_ja4")
    renamed.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_ndjson(tmp_path / "log.jsonl")
    log.write_parquet(tmp_path / "log.parquet")
    (lines,), (native,) = find_input_files(tmp_path, "requests", LINES), find_input_files(tmp_path, "requests")
    assert (lines.path.name, native.path.name) == ("log.jsonl", "log.parquet")
    good, want = (
        check_rows(next(read_batches(file)), "requests", container=file.records.container).good
        for file in (lines, native)
    )
    assert_frame_equal(good, want.with_columns(tls_ja4=pl.lit(None, pl.String)), check_exact=True)


def test_a_folder_without_files_of_the_format_is_refused(tmp_path: Path, log: pl.DataFrame) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"no file of lines requests at .*: expected a file, a folder or a glob"):
        find_input_files(tmp_path, "requests", LINES)
