"""Langfuse: input as a text or an object, usage that is not there, and the export before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

ReadRecords = Callable[..., Any]
OBSERVATION = {
    "id": "o",
    "type": "GENERATION",
    "start_time": "2024-05-29 13:46:19.963000",
    "level": "DEFAULT",
    "input": "Hi",
    "provided_model_name": "m",
    "model_parameters": "",
    "usage_details": {"input": 5, "output": 7, "total": 12},
    "user_id": "u",
    "session_id": "",
    "completion_start_time": None,
}


MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("given", ["Hi", json.dumps(MESSAGES), {"messages": MESSAGES}])
def test_the_input_may_be_a_text_a_list_or_an_object(read_records: ReadRecords, given: Any) -> None:
    checked = read_records("langfuse", OBSERVATION | {"input": given})
    assert checked.good.select("prompt", "stream", "conversation_id").rows() == [("Hi", False, None)]


def test_spans_and_events_are_no_requests(read_records: ReadRecords) -> None:
    kinds = ("SPAN", "EVENT", "TOOL", "GENERATION")
    checked = read_records("langfuse", *[OBSERVATION | {"type": kind} for kind in kinds])
    assert (len(checked.good), checked.skipped) == (1, 3)


def test_an_observation_of_the_export_before_has_no_user(read_records: ReadRecords) -> None:
    before = {name: value for name, value in OBSERVATION.items() if name != "user_id"}
    assert set(read_records("langfuse", before).rejects["rule"]) == {"account_id|nullability"}
