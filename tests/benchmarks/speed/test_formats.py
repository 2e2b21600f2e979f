"""Each reader stands odd records, damaged bytes and odd files: no error but of input."""

from pathlib import Path

import pytest

from benchmarks.speed.formats import fuzz_reader, ingest_log, write_log
from features.formats import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_hundreds_of_odd_records_of_each_format_end_in_no_traceback(
    name: str, capfd: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    records = 2_000 if pytestconfig.getoption("--full") else 500
    assert fuzz_reader(name, records) == records
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_measured_is_a_log_of_which_every_request_is_stored(tmp_path: Path) -> None:
    write_log(tmp_path / "otel", "otel", 60)
    ingest_log(tmp_path / "otel", "otel")
    assert (tmp_path / "otel-workspace" / "lake" / "events").is_dir()
