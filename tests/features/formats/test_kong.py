"""Kong: what is there without payloads, under older names, and of routes that are no models."""

from collections.abc import Callable
from typing import Any

import pytest

ReadRecords = Callable[..., Any]
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
PLAIN = {
    "request": {"id": "r", "headers": {"x-forwarded-for": "203.0.113.7", "user-agent": ["curl", "more"]}},
    "response": {"status": 200},
    "started_at": 1_777_636_800_000,
    "consumer": {"id": "c", "username": "u"},
    "client_ip": "10.0.0.1",
}


@pytest.mark.parametrize("plugin", ["proxy", "ai-proxy", "ai-proxy-advanced"])
def test_the_plugin_may_log_under_any_of_its_names(read_records: ReadRecords, plugin: str) -> None:
    meta = {"request_model": "m", "request_mode": "stream"}
    checked = read_records("kong", PLAIN | {"ai": {plugin: {"meta": meta, "usage": USAGE}}})
    (row,) = checked.good.to_dicts()
    wanted = {"account_id": "c", "model": "m", "stream": True, "input_tokens": 5, "client_address": "203.0.113.7"}
    assert {name: row[name] for name in wanted} == wanted
    assert row["prompt"] is None


def test_a_route_that_is_no_model_is_skipped_and_a_refused_call_has_no_tokens(read_records: ReadRecords) -> None:
    refused = PLAIN | {"response": {"status": 429}, "ai": {"proxy": {"meta": {"request_model": "m"}}}}
    checked = read_records("kong", PLAIN, refused)
    assert (checked.skipped, checked.good.select("input_tokens", "output_tokens").rows()) == (1, [(0, 0)])
    assert checked.changes["input_tokens", "failed"] == 1
