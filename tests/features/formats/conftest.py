"""Requests to write to files, and how each source writes them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from benchmarks.speed.records import WRITERS, Record, Writer
from features.formats import FORMATS
from features.intake.files import find_input_files
from features.intake.rows import CheckedRows, check_rows, read_batches
from features.intake.values.reading import LogOptions

MakeRequests = Callable[..., pl.DataFrame]


@pytest.fixture(scope="session")
def log(requests_of: MakeRequests) -> pl.DataFrame:
    """Requests whose conversations are long enough for their texts, at full milliseconds."""
    shortest = 1 + (pl.col("system_prompt").str.len_chars() > 0).fill_null(False).cast(pl.UInt32)
    conversation = pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.format("c{}", pl.int_range(pl.len()) // 5))
    return requests_of(5, 40).with_columns(
        pl.max_horizontal("message_count", shortest),
        pl.col("timestamp") + pl.duration(milliseconds=pl.int_range(pl.len())),
        conversation_id=conversation,
    )


@pytest.fixture(scope="session")
def writers() -> Mapping[str, Writer]:
    return WRITERS


@pytest.fixture(scope="session")
def write_log() -> Callable[[str, pl.DataFrame, Path], Path]:
    """Writes requests as a source does, a line each."""

    def write(name: str, rows: pl.DataFrame, path: Path) -> Path:
        lines = [json.dumps(WRITERS[name].write(row)) for row in rows.iter_rows(named=True)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def read_records(tmp_path: Path) -> Callable[..., CheckedRows]:
    """Checks records that are written to a file of a container, read as a format."""

    def read(name: str, *records: Record, container: str = "jsonl") -> CheckedRows:
        path = tmp_path / f"log.{container}"
        if container in ("csv", "parquet"):
            frame = pl.DataFrame(records)
            _ = frame.write_csv(path) if container == "csv" else frame.write_parquet(path)
        else:
            lines = "".join(f"{json.dumps(record)}\n" for record in records)
            path.write_text(json.dumps(records) if container == "json" else lines)
        (file,) = find_input_files(path, "requests", FORMATS[name])
        (batch,) = read_batches(file)
        options = LogOptions(assume_utc=file.log_format.is_utc)
        return check_rows(batch, "requests", options, file.records.container)

    return read
