"""ASGI middleware before the scoring service: size limit, validation, front page, OpenAPI page, `/v1/score`.

BentoML does not limit the size of a body, logs a stack trace for each bad request and answers some of them with a 500.
So requests to `POST /score` are read, limited, checked and answered here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.answer.messages import ScoreRequest, ScoreResponse, explain_invalid, refusal
from serving.load.admission import Admission, HeldBytes, OverloadError
from serving.load.body_reader import BodyError, BodyRules, read_body
from serving.load.front import send_error, send_json, send_overload
from serving.openapi import PLAIN, VERSIONED, correct_spec

BODY = BodyRules(most_bytes=2 * 1024 * 1024)
"""A valid body has at most 1,000 ids of 256 characters of four bytes, about half of this."""

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
        except BodyError as wrong:
            await send_error(send, wrong.status, refusal(wrong.field, wrong.problem), wrong.headers)
        except ValidationError as invalid:
            await send_error(send, 400, explain_invalid(invalid))
        except OverloadError as overload:
            await send_overload(send, overload)
        except ClientDisconnect:
            return
        else:
            await send_json(send, 200, body)


async def _checked_request(scope: Scope, receive: Receive, held: HeldBytes) -> ScoreRequest:
    """Read the body and check its content.

    Raises:
        BodyError, OverloadError, ClientDisconnect: as `read_body` does.
        ValidationError: its content is none of a request.
    """
    return ScoreRequest.model_validate_json(await read_body(scope, receive, BODY, held))
