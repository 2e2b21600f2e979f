"""The client against a stand-in for the network: batches, retries, errors. Other tests ask real servers with it."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from serving.answer.messages import AccountScore, Indicator, ModelName, ScoreResponse, Thresholds
from stillwatch.client import FIRST_WAIT, LONGEST_WAIT, Client, EndpointError

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
INDICATOR = Indicator(code="usage.requests_1d", text="how much is used: 7", value=7.0, typical=None, impact=0.5)


def answer(request: httpx.Request, version: str = "3") -> httpx.Response:
    """What the endpoint answers, made of its own messages."""
    scores = [
        AccountScore(
            account_id=account_id,
            status="scored",
            risk=0.25,
            level="review",
            percentile=99.0,
            reasons=[INDICATOR.text],
            indicators=[INDICATOR],
            features_as_of=NOW,
        )
        for account_id in json.loads(request.content)["account_ids"]
    ]
    body = ScoreResponse(
        model=ModelName(name="stillwatch", version=version),
        thresholds=Thresholds(review=0.25, act=0.5),
        evaluated_at=NOW,
        scores=scores,
    )
    return httpx.Response(200, text=body.model_dump_json())


class Network:
    """Answers calls by one reply after the other, and notes the calls and the waits between them."""

    def __init__(self, *replies: Callable[[httpx.Request], httpx.Response] | httpx.Response | Exception) -> None:
        self.replies = iter(replies)
        self.calls: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else reply(request)

    def client(self, **options: Any) -> Client:
        return Client("http://host:1", transport=httpx.MockTransport(self), sleep=self.waits.append, **options)


def busy(status: int = 429, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers=headers, json={"error": "too many calls", "detail": []})


def test_an_answer_is_typed() -> None:
    network = Network(answer)
    result = network.client(token="secret").score(["a1"])
    (score,) = result.scores
    assert (score.account_id, score.risk, score.level, score.features_as_of) == ("a1", 0.25, "review", NOW)
    assert (result.review_threshold, result.act_threshold, result.evaluated_at) == (0.25, 0.5, NOW)
    (indicator,) = score.indicators
    assert {name: getattr(indicator, name) for name in Indicator.model_fields} == INDICATOR.model_dump()
    (call,) = network.calls
    assert (call.url.path, call.headers["authorization"]) == ("/v1/score", "Bearer secret")


def test_many_accounts_go_in_batches_and_come_back_in_order() -> None:
    network = Network(answer, answer, answer)
    ids = [f"a{number % 1_700}" for number in range(2_500)]
    assert [score.account_id for score in network.client().score(iter(ids)).scores] == ids
    assert [len(json.loads(call.content)["account_ids"]) for call in network.calls] == [1_000, 1_000, 500]


def test_an_overloaded_server_is_asked_again_after_what_it_says_and_ever_later() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    replies = (
        busy(),
        busy(**{"retry-after": "7"}),
        busy(503, **{"retry-after": date}),
        busy(**{"retry-after": "soon"}),
    )
    network = Network(*replies, answer)
    assert network.client().score(["a1"]).scores[0].account_id == "a1"
    first, seven, thirty, unclear = network.waits
    assert FIRST_WAIT / 2 <= first <= FIRST_WAIT
    assert seven == 7.0
    assert 25 < thirty <= 30
    assert 4 * FIRST_WAIT <= unclear <= 8 * FIRST_WAIT


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")]
)
def test_a_call_that_got_no_answer_is_repeated_and_at_last_given_up(error: Exception) -> None:
    assert Network(error, answer).client().score(["a1"]).scores
    network = Network(*[error] * 3)
    with pytest.raises(EndpointError, match=rf"host:1.* gave no answer \({type(error).__name__}\)") as caught:
        network.client(retries=2).score(["a1"])
    assert caught.value.status is None
    assert len(network.calls) == 3 and len(network.waits) == 2


def test_a_server_that_stays_overloaded_is_given_up_with_its_own_words() -> None:
    network = Network(*[busy()] * 3)
    with pytest.raises(EndpointError, match="answered 429: too many calls") as caught:
        network.client(retries=2).score(["a1"])
    assert caught.value.status == 429


def test_a_server_that_asks_for_a_very_long_wait_is_given_up_at_once() -> None:
    network = Network(busy(**{"retry-after": str(int(LONGEST_WAIT) + 1)}))
    with pytest.raises(EndpointError, match="answered 429"):
        network.client().score(["a1"])
    assert network.waits == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 307])
def test_what_another_call_would_not_change_is_not_repeated(status: int) -> None:
    network = Network(httpx.Response(status, text="no JSON"))
    with pytest.raises(EndpointError, match=f"answered {status}") as caught:
        network.client().score(["a1"])
    assert caught.value.status == status
    assert len(network.calls) == 1


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"model": null}'])
def test_an_answer_of_another_service_is_said_to_be_none(body: str) -> None:
    with pytest.raises(EndpointError, match="gave no scores: check that stillwatch serves there"):
        Network(httpx.Response(200, text=body)).client().score(["a1"])


def test_batches_of_two_models_are_not_mixed() -> None:
    network = Network(answer, lambda request: answer(request, version="4"))
    with pytest.raises(EndpointError, match="changed between two batches: ask again"):
        network.client().score(["a"] * 1_001)


def test_no_account_is_a_mistake_and_no_call() -> None:
    network = Network()
    with pytest.raises(ValueError, match="no accounts to score"):
        network.client().score([])
    assert network.calls == []


@pytest.mark.parametrize("url", ["", "localhost:3000", "ftp://host", "http://"])
def test_a_url_without_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="names no server"):
        Client(url)


def test_a_client_is_closed_with_its_block() -> None:
    with Network().client() as client:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        client.score(["a1"])


def test_the_client_needs_no_other_room_and_no_heavy_library() -> None:
    code = "import sys; before = set(sys.modules); import stillwatch.client; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "httpx" in imported and not {"polars", "numpy", "pydantic", "features", "serving"} & imported
