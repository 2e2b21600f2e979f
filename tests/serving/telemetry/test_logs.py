"""JSON logs: one object a line, whatever writes it, and nothing in it that an error's own words name."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

PROGRAM = """
import logging, sys, warnings
from serving.telemetry.logs import configure_logs, request_id
configure_logs(sys.argv[1], "info")
log = logging.getLogger("stillwatch.test")
log.debug("too small")
log.info("line 1\\nline 2 \u2028 %s", "\u00e9", extra={"fields": {"route": "/score"}})
request_id.set("r-1")
logging.getLogger("library").info("a library's detail")
logging.getLogger("bentoml.serve").warning("a library's warning")
print("printed", "words")
print("without an end", end="")
sys.stdout.flush()
print("a mistake", file=sys.stderr)
warnings.warn("be warned")
try:
    int("canary")
except ValueError:
    log.exception("it failed")
"""


def run(log_format: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", PROGRAM, log_format]
    return subprocess.run(call, capture_output=True, text=True, check=True)


def test_every_line_is_an_object_with_time_level_logger_message_and_request() -> None:
    begin, result = datetime.now(UTC), run("json")
    assert result.stderr == ""
    entries: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    assert all({"time", "level", "logger", "message", "request_id"} <= set(entry) for entry in entries)
    assert all(abs(datetime.fromisoformat(entry["time"]) - begin).total_seconds() < 60 for entry in entries)
    said = [(entry["level"], entry["logger"], entry["message"], entry["request_id"]) for entry in entries]
    (warned,) = [each for each in said if "be warned" in each[2]]
    assert [each for each in said if each != warned] == [
        ("info", "stillwatch.test", "line 1\nline 2 \u2028 \u00e9", None),
        ("warning", "bentoml.serve", "a library's warning", "r-1"),
        ("info", "stillwatch.printed", "printed words", "r-1"),
        ("info", "stillwatch.printed", "without an end", "r-1"),
        ("warning", "stillwatch.printed", "a mistake", "r-1"),
        ("error", "stillwatch.test", "it failed", "r-1"),
    ]
    assert (entries[0]["route"], warned[1]) == ("/score", "py.warnings")
    assert entries[-1]["error"] == "ValueError" and len(entries[-1]["where"]) == 1
    assert "canary" not in result.stdout


def test_text_stays_text() -> None:
    result = run("text")
    assert "printed words\n" in result.stdout
    assert "INFO line 1" in result.stderr and "too small" not in result.stderr
    assert "WARNING a library's warning" in result.stderr and "a library's detail" not in result.stderr


def test_a_program_whose_output_nobody_reads_goes_on() -> None:
    program = PROGRAM + "\nprint('again')\nraise SystemExit(7)"
    with subprocess.Popen(
        [sys.executable, "-c", program, "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.wait(60) in (7, 120)  # 120: Python could not flush its output at the end
