"""Bodies become the events that an ingest of the same records would store, each body answered for itself."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.formats import FORMATS
from features.formats.native import NATIVE
from features.identity import Keyring
from pipelines.follow.taking.bodies import Reducer, Taken
from pipelines.ingest import Inputs, ingest
from pipelines.workspace import Workspace
from tests.conftest import cases
from tests.features.conftest import SECRET

TIME = datetime(2026, 6, 1, 10, 20, 30, tzinfo=UTC)


def record(number: int, **columns: Any) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "timestamp": "2026-06-01T10:20:30Z",
        "account_id": f"a{number % 3}",
        "channel": "api",
        "model": "m1",
        "input_tokens": 10,
        "output_tokens": 20,
        "status_code": 200,
        "prompt": f"Solve problem {number} step by step and explain why.",
        "client_address": "10.1.2.3",
        **columns,
    }


def lines(records: list[Any]) -> bytes:
    return "\n".join(json.dumps(each) for each in records).encode()


@pytest.fixture(scope="module")
def reducer() -> Reducer:
    return Reducer(Keyring(SECRET))


def test_events_are_those_of_an_ingest_of_the_same_records(
    reducer: Reducer, new_workspace: Any, tmp_path: Path
) -> None:
    records = [record(i, temperature=0.5 * (i % 2), message_count=i + 1, tool_count=0) for i in range(20)]
    (tmp_path / "requests.jsonl").write_bytes(lines(records))
    workspace: Workspace = new_workspace()
    ingest(workspace, Inputs(requests=tmp_path / "requests.jsonl"), reject_limit=0, progress=lambda *_: None)
    events, (answer,) = reducer.reduce([lines(records)], NATIVE)
    assert answer == Taken(taken=20)
    stored = workspace.lake.scan("events").drop("source").collect().sort("request_key")
    assert events.drop("source").sort("request_key").equals(stored)


@pytest.mark.parametrize(
    "shape",
    [lines, lambda records: json.dumps(records).encode(), lambda records: json.dumps(records, indent=2).encode()],
)
def test_lines_lists_and_objects_over_many_lines_are_read(reducer: Reducer, shape: Any) -> None:
    events, answers = reducer.reduce([shape([record(1), record(2)]), shape([record(3)])], NATIVE)
    assert [answer.taken for answer in answers] == [2, 1]
    assert sorted(events["account_id"]) == ["a0", "a1", "a2"]


GOOD, BAD, BROKEN = st.just("good"), st.just("bad"), st.just("broken")


@given(bodies=st.lists(st.lists(GOOD | BAD | BROKEN, max_size=5), min_size=1, max_size=6))
@settings(max_examples=cases(25), deadline=None)
def test_each_body_is_answered_for_its_own_records(reducer: Reducer, bodies: list[list[str]]) -> None:
    texts = {"good": json.dumps(record(1)), "bad": json.dumps(record(2, channel="telex")), "broken": '{"account_id": '}
    events, answers = reducer.reduce(["\n\n".join(texts[kind] for kind in body).encode() for body in bodies], NATIVE)
    assert len(events) == sum(body.count("good") for body in bodies)
    for body, answer in zip(bodies, answers, strict=True):
        if not body:
            assert answer == Taken(refusal="the body holds no record")
            continue
        assert (answer.taken, answer.rejected, answer.skipped) == (
            body.count("good"),
            len(body) - body.count("good"),
            0,
        )
        first_rows = {problem.column: problem.first_row for problem in answer.problems}
        assert first_rows == {
            column: body.index(kind) for column, kind in (("channel", "bad"), ("record", "broken")) if kind in body
        }


def test_a_body_that_is_no_json_leaves_the_others_as_they_are(reducer: Reducer) -> None:
    broken = b'[{"account_id": "a"}, '
    events, (first, second) = reducer.reduce([broken, lines([record(1)])], NATIVE)
    assert first.refusal.startswith("the body can't be read as JSON")
    assert (second.taken, len(events)) == (1, 1)


def test_what_is_wrong_is_named_with_what_to_do(reducer: Reducer) -> None:
    _, (answer,) = reducer.reduce([lines([record(1), record(2, channel="telex")])], NATIVE)
    (problem,) = answer.problems
    assert (problem.column, problem.rule, problem.count, problem.first_row) == ("channel", "regex", 1, 1)
    assert problem.advice == "give a value of the form that the contract states"


def test_bodies_of_spans_are_answered_one_by_one(reducer: Reducer) -> None:
    span = {
        "traceId": "5b8aa5a2d2c872e8321cf37308d69df2",
        "spanId": "051581bf3cb55c13",
        "name": "chat m1",
        "startTimeUnixNano": str(int(TIME.timestamp()) * 10**9),
        "attributes": [
            {"key": key, "value": value}
            for key, value in {
                "gen_ai.operation.name": {"stringValue": "chat"},
                "gen_ai.request.model": {"stringValue": "m1"},
                "gen_ai.usage.input_tokens": {"intValue": "10"},
                "gen_ai.usage.output_tokens": {"intValue": "20"},
                "enduser.id": {"stringValue": "a1"},
            }.items()
        ],
    }

    def body(count: int) -> bytes:
        spans = [span | {"spanId": f"{i:016x}"} for i in range(count)]
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()

    events, answers = reducer.reduce([body(3), body(2)], FORMATS["otel"])
    assert [answer.taken for answer in answers] == [3, 2]
    assert events["timestamp"].unique().to_list() == [TIME]
