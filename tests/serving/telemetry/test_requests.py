"""Request ids, and what is counted and logged of a request."""

import logging
import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from serving.telemetry.logs import request_id
from serving.telemetry.requests import NumberedRequests, RequestMeters
from serving.telemetry.tallies import exposition


@pytest.fixture
def meters() -> RequestMeters:
    return RequestMeters(["/score", "/livez", "/broken", "/inline/check/"])


@pytest.fixture
def client(meters: RequestMeters) -> TestClient:
    async def number(_: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request_id.get()), headers={"x-request-id": "of the application"})

    async def fail(_: Request) -> PlainTextResponse:
        raise ValueError("canary")

    routes = [Route("/broken", fail), *(Route(path, number) for path in ("/score", "/livez", "/inline/check/{rest}"))]
    return TestClient(NumberedRequests(Starlette(routes=routes), meters=meters), raise_server_exceptions=False)


@pytest.mark.parametrize("number", ["a1", "550e8400-e29b-41d4-a716-446655440000", "A.b_c-" + "9" * 58])
def test_a_sane_id_of_the_caller_is_taken_and_returned(client: TestClient, number: str) -> None:
    answer = client.get("/score", headers={"X-Request-ID": number})
    assert (answer.text, answer.headers.get_list("x-request-id")) == (number, [number])


@pytest.mark.parametrize("numbers", [[], ["9" * 65], ["a b"], ["{}"], ["a1", "a2"], [""], ["ä"]])
def test_any_other_id_is_replaced(client: TestClient, numbers: list[str]) -> None:
    answer = client.get("/score", headers=[("X-Request-ID", number.encode()) for number in numbers])
    assert re.fullmatch("[0-9a-f]{16}", answer.text)
    assert answer.headers["x-request-id"] == answer.text
    assert request_id.get() is None


def test_a_hundred_paths_are_one_series(client: TestClient, meters: RequestMeters) -> None:
    for number in range(100):
        client.get(f"/made-up-{number}")
        client.get(f"/inline/check/a{number}")
    client.get("/score")
    client.get("/broken")
    text = exposition(meters.collect())
    assert 'stillwatch_http_requests_total{code="404",route="other"} 100.0' in text
    assert 'stillwatch_http_requests_total{code="200",route="/inline/check/"} 100.0' in text
    assert 'stillwatch_http_requests_total{code="500",route="/broken"} 1.0' in text
    assert 'stillwatch_http_request_seconds_count{route="/score"} 1.0' in text
    assert "made-up" not in text and len(text.splitlines()) < 90


def test_a_request_is_logged_by_its_route_and_probes_only_where_they_fail(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stillwatch.http")
    client.get("/inline/check/canary?canary=1", headers={"x-canary": "canary"})
    client.get("/livez")
    client.request("CANARY", "/canary")
    client.get("/broken")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "stillwatch.http"]
    assert lines == [
        ("INFO", "GET /inline/check/ 200"),
        ("INFO", "other other 404"),
        ("WARNING", "GET /broken 500"),
    ]
