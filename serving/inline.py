"""Inline decisions: gateways ask before they pass a request on, in their own protocols.

- `POST /beta/litellm_basic_guardrail_api`: LiteLLM's generic guardrail API (docs.litellm.ai, "Generic Guardrail API").
- `/inline/check` and all paths below it, any method: Envoy's `ext_authz` over HTTP, Kong and nginx `auth_request`,
  which send a request's headers and go by the status.

Both are answered by `POST /score` behind this middleware, without reasons. Text in a body is not looked at.
"""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import InputError
from serving.access.gate import caller
from serving.access.keys import AccessKey
from serving.load.admission import Admission, HeldBytes, OverloadError
from serving.load.body_reader import BodyError, BodyRules, read_body
from serving.load.front import send_overload

GUARDRAIL, CHECK = "/beta/litellm_basic_guardrail_api", "/inline/check"
LEVELS = ("low", "review", "act")
SECONDS = 0.25
"""A decision takes at most so long; then it counts as failed. A gateway's own time-out should be a little longer."""
BODY = BodyRules(most_bytes=32 * 1024 * 1024)
"""Of a guardrail's call, which holds the request's texts and pictures."""
_OF_KEY = ("end_user_id", "user_id", "team_id")  # as the format litellm finds the account of a logged request
_BLOCKED = "Requests of this account are not served: ask the provider."
_INLINE = AccessKey("", "inline", ("score",), "", "", "")

_HEADER = re.compile(r"^[A-Za-z0-9-]+$")

Denied = Literal["review", "act", "never"]
Failure = Literal["allow", "deny"]


@dataclass(frozen=True)
class InlineRules:
    """What a decision is made by.

    Attributes:
        denied: the level from which on requests are denied; `never` only tags them.
        on_failure: what happens where no score can be given.
        account_header: name of the header in which a gateway says whose request it is, in lower case.
    """

    denied: Denied = "act"
    on_failure: Failure = "allow"
    account_header: str = "x-account-id"

    def denies(self, level: str | None) -> bool:
        """Decide about an account's level; None if it could not be told."""
        if level is None:
            return self.on_failure == "deny"
        return self.denied != "never" and level in LEVELS and LEVELS.index(level) >= LEVELS.index(self.denied)


DEFAULT_RULES = InlineRules()


def make_rules(denied: str, on_failure: str, account_header: str) -> InlineRules:
    """Make rules of what a person gives.

    Raises:
        InputError: a word is none of those that are allowed, or the header's name is none.
    """
    if denied not in get_args(Denied):
        raise InputError(f"--inline-deny {denied}: expected {' or '.join(get_args(Denied))}.")
    if on_failure not in get_args(Failure):
        raise InputError(f"--inline-failure {on_failure}: expected {' or '.join(get_args(Failure))}.")
    if not _HEADER.match(account_header):
        raise InputError(f"--account-header {account_header!r}: expected the name of a header, such as x-account-id.")
    return InlineRules(cast(Denied, denied), cast(Failure, on_failure), account_header.lower())


class Inline:
    """ASGI middleware that answers gateways.

    Args:
        app: what answers `POST /score`.
        rules: what a decision is made by.
        admission: counts the bytes of bodies.
    """

    def __init__(self, app: ASGIApp, rules: InlineRules, admission: Admission | None = None) -> None:
        self._app, self._rules, self._admission = app, rules, admission or Admission()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a gateway, or pass the call on."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path == GUARDRAIL and scope["method"] == "POST":
            try:
                with self._admission.holding() as held:
                    answer = await self._guard(Request(scope, receive), held)
            except OverloadError as overload:
                await send_overload(send, overload)
                return
            except ClientDisconnect:
                return
        elif path == CHECK or path.startswith(f"{CHECK}/"):
            answer = await self._check(Request(scope, receive))
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    async def _guard(self, request: Request, held: HeldBytes) -> Response:
        """Answer LiteLLM: `NONE` lets the request pass, `BLOCKED` ends it."""
        try:
            body = await read_body(request.scope, request.receive, BODY, held)
        except BodyError as wrong:
            return JSONResponse({"error": str(wrong)}, wrong.status, wrong.headers)
        try:
            asked = await asyncio.to_thread(json.loads, body)  # pictures take a while to read
            about = asked.get("request_data") or {}
            account = next((str(about[name]) for part in _OF_KEY if about.get(name := f"user_api_key_{part}")), None)
        except (ValueError, AttributeError, RecursionError):
            return JSONResponse({"error": "expected a JSON object as LiteLLM's generic guardrail API sends it"}, 400)
        is_answer = asked.get("input_type") == "response"  # the request was decided about before
        level = "low" if is_answer or account is None else await self._level(request.scope, account)
        if self._rules.denies(level):
            return JSONResponse({"action": "BLOCKED", "blocked_reason": _BLOCKED})
        return JSONResponse({"action": "NONE"})

    async def _check(self, request: Request) -> Response:
        """Answer by status: 200 lets the request pass, with its account's level as a header, 403 and 503 end it."""
        accounts = request.headers.getlist(self._rules.account_header)
        if len(accounts) > 1:
            return JSONResponse({"error": f"several headers {self._rules.account_header}: send one"}, 400)
        level = await self._level(request.scope, accounts[0]) if accounts and accounts[0] else "unknown"
        tag = {"x-stillwatch-level": level or "unavailable"}
        if self._rules.denies(level):
            return JSONResponse({"error": _BLOCKED}, 503 if level is None else 403, tag)
        return Response(status_code=200, headers=tag)

    async def _level(self, scope: Scope, account: str) -> str | None:
        """Ask for an account's level: `unknown` for an account without requests, None if it can't be told in time."""
        body = json.dumps({"account_ids": [account]}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        asked = {
            **scope,
            "method": "POST",
            "path": "/score",
            "raw_path": b"/score",
            "query_string": b"",
            "headers": headers,
        }
        caught = _Caught(body)
        key = caller.get()
        token = caller.set(replace(key, scopes=("score",)) if key else _INLINE)  # no reasons: nobody reads them here
        try:
            async with asyncio.timeout(SECONDS):
                await self._app(asked, caught.receive, caught.send)
        except TimeoutError:
            return None
        finally:
            caller.reset(token)
        return caught.level()


class _Caught:
    """A call's body, and the answer to it."""

    def __init__(self, body: bytes) -> None:
        self._waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._status, self._answer = 500, bytearray()

    async def receive(self) -> Message:
        return self._waiting.pop() if self._waiting else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")

    def level(self) -> str | None:
        if self._status == 400:  # such as an id that is too long: nobody's
            return "unknown"
        if self._status != 200:
            return None
        score: dict[str, Any] = json.loads(self._answer)["scores"][0]
        return {"unknown_account": "unknown", "unavailable": None}.get(score["status"], score["level"])
