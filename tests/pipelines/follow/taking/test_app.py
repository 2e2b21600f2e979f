"""The follower's web application: what senders are told, and that nothing is acknowledged that is not durable."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import polars as pl
import pytest
from starlette.testclient import TestClient

from features.identity import Keyring
from pipelines.follow.follower_state import FollowerState
from pipelines.follow.taking import app, gathering
from pipelines.follow.taking.app import Taking, make_app
from pipelines.follow.taking.bodies import EVENTS_BODY, Reducer
from pipelines.follow.taking.meters import Meters
from pipelines.follow.web import BehindError
from tests.features.conftest import SECRET
from tests.pipelines.follow.taking.test_bodies import lines, record

JSON = {"content-type": "application/json"}


@dataclass
class Stored:
    """Stands for the journal."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    error: Exception | None = None
    is_ready: bool = True

    def accept(self, events: pl.DataFrame) -> None:
        if self.error:
            raise self.error
        self.frames.append(events)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def client(stored: Stored) -> Iterator[TestClient]:
    taking = Taking(Reducer(Keyring(SECRET)), stored, Meters(lambda: FollowerState(waiting=7)), lambda: stored.is_ready)
    with TestClient(make_app(taking)) as opened:
        yield opened


def test_what_is_acknowledged_is_durable(client: TestClient, stored: Stored) -> None:
    answer = client.post("/events", content=lines([record(1), record(2)]), headers=JSON)
    assert (answer.status_code, answer.json()) == (202, {"taken": 2, "rejected": 0, "skipped": 0, "problems": []})
    assert sum(map(len, stored.frames)) == 2


def test_a_gzipped_body_is_unpacked(client: TestClient, stored: Stored) -> None:
    packed = gzip.compress(lines([record(1)]))
    answer = client.post("/events", content=packed, headers=JSON | {"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["taken"]) == (202, 1)


def test_a_body_of_broken_records_takes_nothing_and_says_why(client: TestClient, stored: Stored) -> None:
    answer = client.post("/events", content=lines([record(1, channel="telex")]), headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "no record keeps the contract; channel|regex, first in row 0: give a value of the form that the contract states"
    )
    assert stored.frames == []


BOMB = gzip.compress(bytes(1_000_000), mtime=0)


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "error"),
    [
        ("/events", b"", JSON, 400, "the body holds no record"),
        ("/events", b'[{"a": 1}', JSON, 400, "the body can't be read as JSON (the list is broken off)"),
        (
            "/events?format=telex",
            b"{}",
            JSON,
            400,
            "there is no format 'telex': expected native, otel, litellm, langfuse",
        ),
        ("/events?format=/etc/passwd.toml", b"{}", JSON, 400, "there is no format '/etc/passwd.toml'"),
        (
            "/events",
            b"\x80\x04",
            {"content-type": "application/x-pickle"},
            415,
            "the body must have the content type application/json or application/x-ndjson",
        ),
        ("/v1/traces", b"\n", {"content-type": "application/x-protobuf"}, 415, "(OTLP: encoding json)"),
        (
            "/events",
            b"x",
            JSON | {"content-encoding": "br"},
            415,
            "must have the content encoding gzip or none",
        ),
        ("/events", b"x", JSON | {"content-encoding": "gzip"}, 400, "the body can't be unpacked by gzip"),
        ("/events", BOMB[:-20], JSON | {"content-encoding": "gzip"}, 400, "it breaks off"),
        ("/events", BOMB, JSON | {"content-encoding": "gzip"}, 413, "at most 100000 bytes unpacked"),
        ("/events", bytes(50_001), JSON, 413, "the body must be at most 50000 bytes"),
    ],
)
def test_a_bad_body_gets_one_sentence(
    client: TestClient,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    error: str,
) -> None:
    unpacked = 2_000_000 if content == BOMB[:-20] else 100_000
    monkeypatch.setattr(app, "EVENTS_BODY", replace(EVENTS_BODY, most_bytes=50_000, unpacked_bytes=unpacked))
    answer = client.post(path, content=content, headers=headers)
    assert answer.status_code == status
    assert error in answer.json()["error"]
    assert stored.frames == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "the journal can't be written (No space left on device)"),
        (BehindError("9 events wait to be stored: send these again later."), "9 events wait to be stored"),
    ],
)
def test_what_is_not_durable_is_not_acknowledged(
    client: TestClient, stored: Stored, error: Exception, said: str
) -> None:
    stored.error = error
    answer = client.post("/events", content=lines([record(1)]), headers=JSON)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert said in answer.json()["error"]
    stored.error = None
    assert client.post("/events", content=lines([record(1)]), headers=JSON).status_code == 202


def test_senders_are_asked_to_come_again_when_too_much_waits(
    client: TestClient, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(gathering, "MOST_BYTES", 1_500)
    with ThreadPoolExecutor(12) as senders:
        bodies = [lines([record(i)]) for i in range(24)]
        answers = list(senders.map(lambda body: client.post("/events", content=body, headers=JSON), bodies))
    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert taken and refused and len(taken) + len(refused) == 24
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert sum(map(len, stored.frames)) == len(taken)


def test_a_collectors_exporter_gets_the_answer_of_its_protocol(client: TestClient) -> None:
    tool = {"traceId": "1", "spanId": "2", "name": "tool", "startTimeUnixNano": "1780000000000000000", "attributes": []}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [tool]}]}]}
    answer = client.post("/v1/traces", content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})


def test_health_says_whether_scores_are_kept_current(client: TestClient, stored: Stored) -> None:
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200
    stored.is_ready = False
    assert client.get("/readyz").status_code == 503


def test_metrics_count_records_and_name_no_path(client: TestClient) -> None:
    client.post("/events", content=lines([record(1), record(2, channel="telex")]), headers=JSON)
    for i in range(50):
        client.get(f"/path-{i}")
    text = client.get("/metrics").text
    assert 'stillwatch_events_total{outcome="taken"} 1.0' in text
    assert 'stillwatch_events_total{outcome="rejected"} 1.0' in text
    assert "stillwatch_follow_waiting_events 7.0" in text
    assert "stillwatch_follow_queue_bodies 0.0" in text
    assert "path-" not in text


def test_text_of_a_body_that_breaks_the_code_reaches_no_log(
    client: TestClient, stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    stored.error = ValueError("canary in the text")
    answer = client.post("/events", content=lines([record(1)]), headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (400, "the body can't be read as events of this format")
    assert "canary" not in caplog.text and "ValueError" in caplog.text
