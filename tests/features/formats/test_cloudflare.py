"""Cloudflare: bodies that were not decrypted, and those of Anthropic."""

from collections.abc import Callable
from typing import Any

ReadRecords = Callable[..., Any]
EVENT = {
    "Timestamp": "2026-05-01T12:00:00Z",
    "Model": "claude",
    "StatusCode": 200,
    "Metadata": {"user": 12345},
    "RequestBody": {"system": "S", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    "ResponseBody": {"stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 7}},
}


def test_a_body_of_anthropic_is_read(read_records: ReadRecords) -> None:
    (row,) = read_records("cloudflare", EVENT).good.to_dicts()
    wanted = {
        "account_id": "12345", "model": "claude", "prompt": "Hi", "system_prompt": "S", "input_tokens": 5,
        "output_tokens": 7, "finish_reason": "stop",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


def test_a_body_that_is_still_encrypted_has_no_tokens_so_the_row_is_rejected(read_records: ReadRecords) -> None:
    closed = {"type": "encrypted", "data": "AAAA"}
    checked = read_records("cloudflare", EVENT | {"RequestBody": closed, "ResponseBody": closed})
    assert set(checked.rejects["rule"]) == {"input_tokens|nullability", "output_tokens|nullability"}
