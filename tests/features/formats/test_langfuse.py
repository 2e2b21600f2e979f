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


OLDER = {
    "id": "o",
    "type": "GENERATION",
    "startTime": "2024-05-29T13:46:19.963Z",
    "level": "DEFAULT",
    "input": MESSAGES,
    "model": "m",
    "modelParameters": {"max_tokens": 9, "temperature": 0.5},
    "userId": "u",
    "sessionId": "s",
    "completionStartTime": "2024-05-29T13:46:20Z",
}


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokens": 5, "completionTokens": 7, "totalTokens": 12},
        {"usage": {"input": 5, "output": 7, "total": 12, "unit": "TOKENS"}},
        {"usage": {"promptTokens": 5, "completionTokens": 7}},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7}},
        {"usageDetails": {"input": 5, "output": 7}, "providedModelName": "m", "model": None},
    ],
)
def test_observations_of_the_api_present_and_older_are_read(read_records: ReadRecords, usage: dict[str, Any]) -> None:
    good = read_records("langfuse", OLDER | usage).good
    columns = (
        "account_id",
        "model",
        "conversation_id",
        "input_tokens",
        "output_tokens",
        "max_tokens",
        "stream",
        "prompt",
    )
    assert good.select(columns).rows() == [("u", "m", "s", 5, 7, 9, True, "Hi")]
    assert f"{good['timestamp'][0]:%Y-%m-%d %H:%M:%S.%f}" == "2024-05-29 13:46:19.963000"


def test_usage_that_is_not_in_tokens_is_no_request(read_records: ReadRecords) -> None:
    usage = {"input": 500, "output": 70, "unit": "CHARACTERS"}
    checked = read_records("langfuse", OLDER | {"usage": usage}, OLDER | {"usage": usage | {"unit": "TOKENS"}})
    assert (checked.good["input_tokens"].to_list(), checked.skipped) == ([500], 1)
