"""Conversations of every vendor: what the user said last, what the system says, and how many messages there are."""

import json
from typing import Any

import polars as pl
import pytest

from features.formats.chat import count_items, read_chat

SYSTEM = {"role": "system", "content": "Be terse."}
TEXT = {"type": "text", "text": "A"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


def read(value: Any) -> tuple[Any, ...]:
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    return read_chat(pl.Series("x", [text], dtype=pl.String)).row(0)


@pytest.mark.parametrize(
    ("conversation", "want"),
    [
        ([SYSTEM, {"role": "user", "content": "Hi"}], ("Hi", "Be terse.", 2)),
        ([{"role": "developer", "content": "D"}, {"role": "User", "content": "Hi"}], ("Hi", "D", 2)),
        ([SYSTEM, SYSTEM, {"role": "user", "content": "Hi"}], ("Hi", "Be terse.\nBe terse.", 3)),
        ([{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}], ("A", None, 2)),
        (
            [{"role": "user", "content": [{"type": "text", "text": "A"}, IMAGE, {"type": "text", "text": "B"}]}],
            ("A\nB", None, 1),
        ),
        ([{"role": "user", "content": [{"type": "tool_result", "content": "42"}]}], ("42", None, 1)),
        ([{"role": "tool", "content": "42"}], ("42", None, 1)),
        ([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}], ("Hi", None, 1)),
        ([{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Ho"}]}], ("Hi", None, 2)),
        ([{"parts": [{"text": "Hi"}]}], ("Hi", None, 1)),
        ([{"type": "text", "content": "Only"}, {"type": "text", "content": "rules"}], (None, "Only\nrules", 2)),
        ({"messages": [SYSTEM, {"role": "user", "content": "Hi"}]}, ("Hi", "Be terse.", 2)),
        ({"system": "S", "messages": [{"role": "user", "content": "Hi"}]}, ("Hi", "S", 1)),
        ({"system": [{"type": "text", "text": "S"}], "messages": [{"role": "user", "content": "Hi"}]}, ("Hi", "S", 1)),
        ({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}, ("Hi", None, 1)),
        ({"instructions": "S", "input": "Hi"}, ("Hi", "S", None)),
        ({"prompt": "Hi"}, ("Hi", None, None)),
        ("Hi", ("Hi", None, None)),
        ("[no list", (None, None, None)),
        ([], (None, None, 0)),
        ({}, (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_a_conversation_is_read(conversation: Any, want: tuple[Any, ...]) -> None:
    assert read(conversation) == want


def test_conversations_of_all_kinds_stand_side_by_side() -> None:
    texts = [
        "Hi",
        None,
        json.dumps([SYSTEM, {"role": "user", "content": "A"}]),
        "{}",
        json.dumps({"prompt": "B"}),
        "[1",
    ]
    rows = read_chat(pl.Series("x", texts))
    assert rows["prompt"].to_list() == ["Hi", None, "A", None, "B", None]
    assert rows["message_count"].to_list() == [None, None, 2, None, None, None]


def test_a_nested_column_is_read_as_its_json_is() -> None:
    rows = read_chat(pl.Series("x", [[SYSTEM, {"role": "user", "content": "Hi"}], None]))
    assert rows.rows() == [("Hi", "Be terse.", 2), (None, None, None)]


def test_a_text_that_looks_like_a_list_and_is_none_stays() -> None:
    assert read([{"role": "user", "content": "[1, 2] what is this?"}])[0] == "[1, 2] what is this?"


def test_items_are_counted() -> None:
    assert count_items(pl.Series(["[{}, {}]", "[]", None, "no", "{}"])).to_list() == [2, 0, None, None, None]
    assert count_items(pl.Series([["a"], [], None])).to_list() == [1, 0, None]
