"""Sessions of a browser, which cannot show an access key with each call: it shows the key once, then a cookie."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGIN, LOGOUT = "/login", "/logout"
COOKIE = "stillwatch_session"
SESSION_SECONDS = 12 * 3600
"""A working day; then the key is asked for again. A key that is revoked ends its sessions at once."""
_MOST_SESSIONS = 1_000  # the oldest is dropped
_FORM_BYTES = 4_096
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>stillwatch</title>
<style>body{font-family:sans-serif;max-width:30em;margin:4em auto}input{width:100%;margin:.5em 0;padding:.4em}</style>
</head><body><h1>stillwatch</h1><form method="post" action="login">
<label>Access key with the scope admin <input type="password" name="key" autocomplete="off" autofocus required></label>
<button>Sign in</button></form></body></html>
"""


@dataclass
class KeySessions:
    """The sessions of one server, in its memory only.

    Attributes:
        is_secure: whether the cookie is for HTTPS only.
        now: the clock, in seconds.
    """

    is_secure: bool
    now: Callable[[], float]
    _keys: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)

    def open(self, key: str) -> str:
        """Begin a session for a key, and return the cookie's value."""
        name = secrets.token_urlsafe(32)
        self._keys[name] = (key, self.now() + SESSION_SECONDS)
        while len(self._keys) > _MOST_SESSIONS:
            self._keys.popitem(last=False)
        return name

    def key_of(self, name: str) -> str | None:
        """The key of a session; None if there is none, or it has ended."""
        key, end = self._keys.get(name, ("", 0.0))
        return key if self.now() < end else None

    def close(self, name: str) -> None:
        """End a session."""
        self._keys.pop(name, None)


class BeforeGate:
    """ASGI middleware before the gate: turns a session's cookie, or the key of the form, into a header for the gate.

    Args:
        app: the gate.
        sessions: the sessions.
    """

    def __init__(self, app: ASGIApp, sessions: KeySessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the form, or pass the call on to the gate; a browser without a session is sent to the form."""
        if scope["type"] != "http":
            return  # a socket has no key
        request = Request(scope, receive)
        session = request.cookies.get(COOKIE, "")
        if scope["path"] == LOGIN and scope["method"] != "POST":
            await HTMLResponse(_PAGE, headers=_HEADERS)(scope, receive, send)
        elif scope["path"] == LOGIN:
            await self._app(_with_key(scope, await _key_of_form(request)), receive, send)
        elif scope["path"] == LOGOUT:
            self._sessions.close(session)
            answer = RedirectResponse(LOGIN, 303)
            answer.delete_cookie(COOKIE)
            await answer(scope, receive, send)
        else:
            key = self._sessions.key_of(session)
            is_page = "text/html" in request.headers.get("accept", "")
            shown = scope if key is None or "authorization" in request.headers else _with_key(scope, key)
            await self._app(shown, receive, _redirecting(send) if is_page else send)


class BehindGate:
    """ASGI middleware behind the gate: opens a session for a key that it let through, and hides keys from the rest.

    Args:
        app: what is guarded.
        sessions: the sessions.
    """

    def __init__(self, app: ASGIApp, sessions: KeySessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a session, or pass the call on."""
        if scope["path"] != LOGIN:
            others = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"cookie")]
            await self._app({**scope, "headers": others}, receive, send)
            return
        key = Request(scope).headers.get("authorization", "").partition(" ")[2]
        answer: Response = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.open(key),
            max_age=SESSION_SECONDS,
            secure=self._sessions.is_secure,
            httponly=True,
            samesite="strict",
        )
        await answer(scope, receive, send)


async def _key_of_form(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            return ""
    values = parse_qs(body.decode("latin-1")).get("key", [])
    return values[0].strip() if len(values) == 1 else ""


def _with_key(scope: Scope, key: str) -> Scope:
    """The call with a key in the header; of a form that holds something else, a key that opens nothing."""
    value = f"Bearer {key}".encode("latin-1", "replace")
    return {
        **scope,
        "headers": [*(pair for pair in scope["headers"] if pair[0] != b"authorization"), (b"authorization", value)],
    }


def _redirecting(send: Send) -> Send:
    """Answer 401 by a way to the form."""
    is_refused = False

    async def send_or_redirect(message: Message) -> None:
        nonlocal is_refused
        if message["type"] == "http.response.start" and message["status"] == 401:
            is_refused = True
            headers = [(b"location", LOGIN.encode()), (b"content-length", b"0"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
        elif is_refused:
            await send({"type": "http.response.body", "body": b""})
        else:
            await send(message)

    return send_or_redirect
