"""Envoy: the marks of its log for what is not there."""

from collections.abc import Callable
from typing import Any

ReadRecords = Callable[..., Any]
LINE = {
    "start_time": "2026-05-01T12:00:00.000Z",
    "x-user-id": "u1",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": "5",
    "gen_ai.usage.output_tokens": 7,
    "response_code": 0,
    "x-forwarded-for": "203.0.113.7, 10.0.0.2",
    "x-request-id": None,
}


def test_a_call_without_a_response_and_an_id_is_kept(read_records: ReadRecords) -> None:
    checked = read_records("envoy", LINE | {"gen_ai.usage.input_tokens": "-", "gen_ai.usage.output_tokens": None})
    (row,) = checked.good.to_dicts()
    assert (row["status_code"], row["request_id"], row["input_tokens"], row["output_tokens"]) == (0, "", 0, 0)
    assert checked.changes["client_address", "hops"] == 1
