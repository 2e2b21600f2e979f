"""What every call meets first, and the pace of keys."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.access.gate import caller
from serving.access.keys import AccessKey
from serving.load.admission import Admission, KeyRates
from serving.load.front import MOST_HEADERS, PATH_BYTES, Front, RateLimit

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Any, dict[str, str]]
JSON = (b"content-type", b"application/json")


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Says which path came through."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(scope["path"]).encode()})


def ask(
    app: Any, path: str = "/score", headers: Headers | None = None, query: bytes = b""
) -> tuple[int, Any, dict[str, str]]:
    """Call an application; status, body and headers of its answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": query}
    asyncio.run(app(scope | {"headers": headers or []}, receive, send))
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], json.loads(sent[1]["body"]), given


def front(admission: Admission | None = None) -> Front:
    return Front(
        behind,
        paths=("/score", "/livez", "/tree"),
        tree="/tree",
        limited=("/score",),
        admission=admission or Admission(),
    )


@pytest.mark.parametrize("path", ["/nowhere", "/score/", "/Score", "//score", "/treehouse", "/livez/x", ""])
def test_an_unknown_path_goes_no_further(path: str) -> None:
    status, body, _ = ask(front(), path)
    assert (status, body["detail"][0]["field"]) == (404, "path")


def test_all_paths_below_the_tree_are_one() -> None:
    assert ask(front(), "/tree/of/a/gateway/17")[:2] == (200, "/tree")
    assert ask(front(), "/livez")[:2] == (200, "/livez")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, [JSON, (b"accept", b"a"), (b"accept", b"b")]),
        (400, [JSON, JSON]),
        (400, [JSON, (b"content-type", b"text/plain")]),
        (400, [(b"content-length", b"1"), (b"content-length", b"2")]),
        (400, [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]),
        (400, [(b"transfer-encoding", b"chunked"), (b"content-length", b"2")]),
        (431, [(b"x-%d" % row, b"") for row in range(MOST_HEADERS + 1)]),
    ],
)
def test_headers_that_contradict_each_other_or_are_too_many_are_refused(status: int, headers: Headers) -> None:
    assert ask(front(), headers=headers)[0] == status


def test_a_path_that_is_too_long_is_refused() -> None:
    assert ask(front(), query=b"q" * PATH_BYTES)[0] == 414


def test_a_call_too_many_is_asked_to_come_again_and_health_is_answered_all_the_same() -> None:
    admission = Admission(most_calls=1)
    with admission.admitted(1):
        status, body, headers = ask(front(admission))
        assert (status, headers["retry-after"], body["error"]) == (
            429,
            "1",
            "load: too many calls at a time: try again",
        )
        assert ask(front(admission), "/livez")[0] == 200
    assert ask(front(admission))[0] == 200


def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(front()({"type": "websocket", "path": "/score"}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_each_key_has_a_pace_of_its_own() -> None:
    app = RateLimit(behind, rates=KeyRates(1.0), limited=("/score",))
    for key_id, statuses in (("a", [200, 429, 429]), ("b", [200])):
        token = caller.set(AccessKey(key_id, key_id, ("score",), "", "", ""))
        assert [ask(app)[0] for _ in statuses] == statuses
        assert ask(app, "/livez")[0] == 200
        caller.reset(token)
    assert [ask(app)[0] for _ in range(3)] == [200] * 3  # nobody's: an open server has no keys
