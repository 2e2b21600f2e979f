"""ASGI middleware before the scoring service: size limit, validation, front page, OpenAPI page, `/v1/score`.

BentoML does not limit the size of a body, logs a stack trace for each bad request and answers some of them with a 500.
So requests to `POST /score` are read, limited, checked and answered here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.answer.messages import ErrorResponse, ScoreRequest, ScoreResponse, explain_invalid, refusal
from serving.load.admission import Admission, HeldBytes, OverloadError
from serving.load.front import send_json, send_overload
from serving.openapi import PLAIN, VERSIONED, correct_spec

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes. A valid body has at most 1,000 ids of 256 characters of four bytes, about half of this."""

DRAINED = 4 * BODY_LIMIT
"""Bytes of a too large body that are read and dropped before the connection is closed, so that the sender sees the
answer. Doubled, a hostile sender could keep the server reading twice as long."""

BODY_SECONDS = 20.0
"""A sender has this long to send its body; then it gets a 408."""

FRONT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>stillwatch</title></head>
<body><h1>stillwatch</h1>
<p>Scores accounts: <code>POST /score</code> with <code>{"account_ids": ["..."]}</code>.</p>
<ul><li><a href="docs.json">OpenAPI</a></li><li><a href="livez">livez</a></li>
<li><a href="readyz">readyz</a></li><li><a href="metrics">metrics</a></li></ul>
</body></html>
"""


class ScoringMiddleware:
    """ASGI middleware around the whole service.

    Attributes:
        app: the service.
        spec: returns its OpenAPI description.
        answer: answers a valid request.
        admission: what is under way.
        is_guarded: whether callers need access keys.
    """

    def __init__(
        self,
        app: ASGIApp,
        spec: Callable[[], dict[str, Any]],
        *,
        answer: Callable[[ScoreRequest], Awaitable[ScoreResponse]],
        admission: Admission,
        is_guarded: bool = False,
    ) -> None:
        self.app = app
        self.spec = spec
        self.answer = answer
        self.admission = admission
        self.is_guarded = is_guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the pages and the bad requests; pass the rest to the service."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == VERSIONED:
            scope = {**scope, "path": PLAIN, "raw_path": PLAIN.encode()}
        route = (scope["method"], scope["path"])
        if route == ("POST", PLAIN):
            await self._score(scope, receive, send)
        elif route in (("GET", "/"), ("HEAD", "/")):
            await HTMLResponse(FRONT_PAGE)(scope, receive, send)
        elif route in (("GET", "/docs.json"), ("HEAD", "/docs.json")):
            await JSONResponse(correct_spec(self.spec(), self.is_guarded))(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _score(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request without BentoML, whose layers would check it again and take as long as the rest."""
        try:
            with self.admission.holding() as held:
                request = await _checked_request(scope, receive, held)
                with self.admission.admitted(len(request.account_ids)):
                    response = await self.answer(request)
                    body = response.model_dump_json().encode()
        except RefusedError as refused:
            await refused.response(scope, receive, send)
        except OverloadError as overload:
            await send_overload(send, overload)
        except ClientDisconnect:
            return
        else:
            await send_json(send, 200, body)


class RefusedError(Exception):
    """A request that does not reach the service, with the answer to it."""

    def __init__(self, status: int, error: ErrorResponse) -> None:
        super().__init__(error.error)
        # The rest of a body that is still on its way would be read as the next request.
        headers = {"connection": "close"} if status in (408, 413, 415) else {}
        self.response = Response(error.model_dump_json(), status, headers, "application/json")


async def _checked_request(scope: Scope, receive: Receive, held: HeldBytes) -> ScoreRequest:
    """Read the body and check its type, size and content.

    Raises:
        RefusedError: one of them is wrong.
        OverloadError: too many bytes of bodies are held.
    """
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise RefusedError(415, refusal("body", "expected content type application/json"))
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > DRAINED:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read(receive, held)
    except TimeoutError:
        raise RefusedError(408, refusal("body", f"did not arrive within {BODY_SECONDS:.0f} seconds")) from None
    try:
        return ScoreRequest.model_validate_json(body)
    except ValidationError as error:
        raise RefusedError(400, explain_invalid(error)) from None


async def _read(receive: Receive, held: HeldBytes) -> bytes:
    """Read the whole body, also if it comes in chunks without a declared length.

    What exceeds the limit is read and dropped for a while, since a client that is cut off while it sends would not see
    the answer.
    """
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size <= BODY_LIMIT:
            held.add(len(part))
            body += part
        done = not message.get("more_body", False)
        if size > BODY_LIMIT and (done or size > DRAINED):
            raise _too_large()
        if done:
            return bytes(body)


def _too_large() -> RefusedError:
    return RefusedError(413, refusal("body", f"must be at most {BODY_LIMIT} bytes"))
