"""OpenTelemetry: the names of before, of OpenLLMetry, and tables of spans."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.formats import FORMATS
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches

ReadRecords = Callable[..., Any]
NOON = 1_777_636_800_000_000_000  # 2026-05-01T12:00:00Z
OLD = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": 5,
    "gen_ai.usage.completion_tokens": 7,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be terse.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Hi",
    "llm.request.type": "chat",
    "llm.is_streaming": True,
    "gen_ai.response.finish_reason": "tool_calls",
    "traceloop.association.properties.user_id": "u1",
}
WANTED = {
    "account_id": "u1", "model": "gpt-4o", "prompt": "Hi", "system_prompt": "Be terse.", "message_count": 2,
    "input_tokens": 5, "output_tokens": 7, "stream": True, "finish_reason": "tool_calls", "status_code": 200,
}  # fmt: skip
PRESENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be terse."}]),
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.request.stream": True,
    "enduser.id": "u1",
}


def value(item: Any) -> dict[str, Any]:
    match item:
        case bool():
            return {"boolValue": item}
        case int():
            return {"intValue": item}
        case list():
            return {"arrayValue": {"values": [value(each) for each in item]}}
        case dict():
            return {"kvlistValue": {"values": [{"key": key, "value": value(each)} for key, each in item.items()]}}
    return {"stringValue": item}


def line(*spans: dict[str, Any], status: Any = None) -> dict[str, Any]:
    written = [
        {
            "traceId": "t",
            "spanId": f"s{i}",
            "startTimeUnixNano": str(NOON + i),
            "attributes": [{"key": key, "value": value(item)} for key, item in attributes.items()],
            "status": status or {},
        }
        for i, attributes in enumerate(spans)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": written}]}]}


def first(checked: Any, names: Any = WANTED) -> dict[str, Any]:
    row = checked.good.row(0, named=True)
    return {name: row[name] for name in names}


@pytest.mark.parametrize("attributes", [OLD, PRESENT])
def test_the_names_of_before_and_of_openllmetry_say_the_same(
    read_records: ReadRecords, attributes: dict[str, Any]
) -> None:
    wanted = WANTED if attributes is OLD else WANTED | {"message_count": 1}
    assert first(read_records("otel", line(attributes))) == wanted


def test_messages_that_kept_their_structure_are_read(read_records: ReadRecords) -> None:
    structured = {name: json.loads(PRESENT[name]) for name in ("gen_ai.input.messages", "gen_ai.system_instructions")}
    assert first(read_records("otel", line(PRESENT | structured))) == WANTED | {"message_count": 1}


def test_only_spans_that_call_a_model_are_requests(read_records: ReadRecords) -> None:
    others = [{"gen_ai.operation.name": name} for name in ("embeddings", "execute_tool", "invoke_agent")]
    checked = read_records("otel", line({"http.route": "/"}, *others, OLD, PRESENT), line())
    assert (len(checked.good), checked.skipped) == (2, 4)
    assert checked.good["request_id"].to_list() == ["s4", "s5"]


@pytest.mark.parametrize(
    ("attributes", "status", "code"),
    [
        ({}, {"code": 2}, 500),
        ({}, {"code": 1}, 200),
        ({"error.type": "429"}, {"code": 2}, 429),
        ({"error.type": "timeout"}, {"code": 2}, 500),
        ({"http.response.status_code": 403}, {"code": 2}, 403),
    ],
)
def test_the_status_is_that_of_the_call_else_that_of_the_span(
    read_records: ReadRecords, attributes: dict[str, Any], status: dict[str, Any], code: int
) -> None:
    assert first(read_records("otel", line(PRESENT | attributes, status=status)))["status_code"] == code


@pytest.mark.parametrize("column", ["attributes", "SpanAttributes", "json", "flat", "prefixed"])
def test_a_table_of_spans_is_read_however_it_keeps_attributes(tmp_path: Path, column: str) -> None:
    texts = {key: item if isinstance(item, str) else json.dumps(item) for key, item in PRESENT.items()}
    table: dict[str, list[Any]] = {"span_id": ["s"], "start_time": [datetime(2026, 5, 1, 12, tzinfo=UTC)]}
    match column:
        case "json":
            table["attributes"] = [json.dumps(PRESENT)]
        case "flat":
            table |= {key: [item] for key, item in texts.items()}
        case "prefixed":
            table |= {f"attributes.{key}": [item] for key, item in texts.items()}
        case _:
            table[column] = [[{"key": key, "value": item} for key, item in texts.items()]]
    pl.DataFrame(table).write_parquet(tmp_path / "spans.parquet")
    (file,) = find_input_files(tmp_path / "spans.parquet", "requests", FORMATS["otel"])
    (batch,) = read_batches(file)
    checked = check_rows(batch, "requests", container=file.records.container)
    assert first(checked) == WANTED | {"message_count": 1}
    assert checked.good["timestamp"].to_list() == [datetime(2026, 5, 1, 12, tzinfo=UTC)]


def test_a_line_of_one_span_with_an_object_of_attributes_is_read(read_records: ReadRecords) -> None:
    record = {"trace_id": "t", "span_id": "s", "start_time_unix_nano": NOON, "attributes": PRESENT, "status": "OK"}
    assert first(read_records("otel", record)) == WANTED | {"message_count": 1}
