"""The manifest of log formats, and what a further format needs."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

import features.formats
from features.errors import InputError
from features.events import request_key, to_events
from features.formats import FORMATS, LogFormat, format_named
from features.identity import Keyring
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches
from features.intake.values.reading import AS_IT_IS
from features.schemas import Requests
from pipelines.inputs.checks import checked_rows

KEYRING = Keyring(bytes(range(32)))
WriteLog = Callable[[str, pl.DataFrame, Path], Path]


def test_every_file_with_a_format_is_in_the_manifest_under_its_name() -> None:
    folder = Path(features.formats.__file__).parent
    files = {
        path.stem for path in folder.glob("*.py") if re.search(r"^[A-Z]+ = Log", path.read_text(encoding="utf-8"), re.M)
    }
    assert files == set(FORMATS)
    assert all(format_named(name).name == name for name in files)


def test_an_unknown_format_is_refused_with_the_names_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features.formats, "FORMATS", {"native": FORMATS["native"], "lines": LINES})
    with pytest.raises(InputError, match=r"there is no format 'csv': expected native, lines or the path of a mapping"):
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
    with pytest.raises(InputError, match=r"no lines file at .*: expected a file, a folder or a glob with requests"):
        find_input_files(tmp_path, "requests", LINES)


def events_of(path: Path, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """The events of a file, as an ingest makes them, with the rows as they are stored."""
    (file,) = find_input_files(path, "requests", FORMATS[name])
    frames = []
    for checked in checked_rows(file, KEYRING, AS_IT_IS, columns):
        assert checked.rejects.is_empty(), checked.rejects
        frames.append(checked.good)
    return pl.concat(frames)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "native"])
def test_every_format_gives_the_events_of_the_native_one_but_for_what_it_cannot_carry(
    tmp_path: Path, log: pl.DataFrame, name: str, writers: Mapping[str, Any], write_log: WriteLog
) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    path = write_log(name, log, tmp_path / "log.jsonl")
    lost = writers[name].lost
    types = {column: kind.dtype for column, kind in Requests.columns().items()}
    wanted = log.with_columns(
        pl.lit("api" if column == "channel" else None, types[column]).alias(column) for column in lost
    )
    if name == "langfuse":  # says only that a call failed, and that it streamed
        status = pl.when(pl.col("status_code") == 200).then(200).otherwise(500).cast(pl.UInt16)
        wanted = wanted.with_columns(status.alias("status_code"), pl.col("stream").fill_null(False))
    rows = events_of(path, name)
    for column in Requests.column_names():
        assert_series_equal(rows[column], wanted[column], check_exact=True)
    want, _ = to_events(wanted.with_columns(request_key=request_key(KEYRING)), KEYRING, 1)
    assert_frame_equal(to_events(rows.drop("row"), KEYRING, 1)[0], want, check_exact=True)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "native"])
def test_a_check_without_texts_sees_the_same_rows(
    tmp_path: Path, log: pl.DataFrame, name: str, write_log: WriteLog
) -> None:
    path = write_log(name, log, tmp_path / "log.jsonl")
    texts = ("prompt", "system_prompt", "message_count")
    columns = [column for column in Requests.column_names() if column not in ("prompt", "system_prompt")]
    assert_frame_equal(events_of(path, name, columns).drop(texts), events_of(path, name).drop(texts))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "native"])
def test_a_log_without_accounts_is_refused_with_what_to_add(name: str) -> None:
    assert FORMATS[name].advice["account_id"]
    records = pl.DataFrame({"x": ["y"]})
    assert "account_id" not in FORMATS[name].to_rows(records, ["account_id", "request_id"]).columns
