"""LiteLLM: rows of the table of spend, and records with less or other content than usual."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

ReadRecords = Callable[..., Any]
ASKED = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "tools": [{}], "stream": True}
SPEND = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "88dc28d0",
    "spend": 0.01,
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "startTime": "2026-05-01 12:00:00.25",
    "endTime": "2026-05-01 12:00:01",
    "model": "openai/gpt-4o",
    "model_group": "gpt-4o",
    "user": "default_user_id",
    "metadata": json.dumps({"user_api_key_user_id": "u1", "usage_object": {"cache_read_input_tokens": 3}}),
    "end_user": "",
    "requester_ip_address": "192.0.2.1",
    "messages": "{}",
    "response": "{}",
    "session_id": "s1",
    "status": "success",
    "proxy_server_request": json.dumps(ASKED),
}


@pytest.mark.parametrize("container", ["jsonl", "json", "csv", "parquet"])
def test_a_row_of_the_table_of_spend_is_a_request_in_every_container(read_records: ReadRecords, container: str) -> None:
    (row,) = read_records("litellm", SPEND, container=container).good.to_dicts()
    assert row["timestamp"].isoformat() == "2026-05-01T12:00:00.250000+00:00"
    wanted = {
        "request_id": "chatcmpl-1", "account_id": "u1", "api_key_id": "88dc28d0", "model": "gpt-4o", "prompt": "Hi",
        "conversation_id": "s1", "input_tokens": 5, "output_tokens": 7, "cached_tokens": 3, "max_tokens": 9,
        "tool_count": 1, "stream": True, "status_code": 200, "client_address": "192.0.2.1", "channel": "api",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"status": "failure", "metadata": {"error_information": {"error_code": "429"}}}, 429),
        ({"status": "failure", "error_information": {"error_code": "BadRequestError"}}, 500),
        ({"status": None}, 200),
    ],
)
def test_the_status_of_a_failed_call_is_that_of_its_error(
    read_records: ReadRecords, changed: dict[str, Any], status: int
) -> None:
    checked = read_records("litellm", SPEND | {"end_user": "c"} | changed)
    assert checked.good["status_code"].to_list() == [status]


def test_calls_that_are_no_chat_and_failures_of_nobody_are_skipped(read_records: ReadRecords) -> None:
    nobody = {"metadata": "{}", "user": "", "status": "failure"}
    checked = read_records("litellm", SPEND, SPEND | {"call_type": "aembedding"}, SPEND | nobody)
    assert (len(checked.good), checked.skipped, len(checked.rejects)) == (1, 2, 0)


def test_a_message_may_be_a_plain_text(read_records: ReadRecords) -> None:
    checked = read_records("litellm", SPEND | {"messages": "What is it?", "proxy_server_request": "{}"})
    assert checked.good.select("prompt", "message_count").rows() == [("What is it?", None)]
    assert checked.good["message_count"].dtype == pl.UInt32


def test_half_a_surrogate_pair_rejects_its_row_only(read_records: ReadRecords, tmp_path: Path) -> None:
    checked = read_records("litellm", SPEND, SPEND | {"messages": "\ud800"})
    assert (len(checked.good), checked.rejects.rows()) == (1, [(1, "record|utf8")])
