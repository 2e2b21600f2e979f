"""What every call meets first: unknown paths, headers that contradict each other, and calls too many end here.

BentoML counts each path that it is asked for as a series of metrics of its own, so that a stranger could fill its
memory. Here only the paths of the service go on.
"""

import time
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.access.gate import caller
from serving.answer.messages import ErrorResponse, refusal
from serving.load.admission import Admission, KeyRates, OverloadError
from serving.load.body_reader import find_repeated

MOST_HEADERS = 100
PATH_BYTES = 16 * 1024
"""Of a path with its query: gateways that ask inline append the path that they were asked for."""


class Front:
    """ASGI application before the whole service.

    Args:
        app: the service.
        paths: the paths that it answers.
        tree: a path, of which all below is answered as that path itself.
        limited: the paths that cost work; they are refused while too many calls are under way.
        admission: what is under way.
    """

    def __init__(
        self, app: ASGIApp, *, paths: Collection[str], tree: str, limited: Collection[str], admission: Admission
    ) -> None:
        self._app, self._paths, self._tree = app, frozenset(paths), tree
        self._limited, self._admission = frozenset(limited), admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a call, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"]
        if path not in self._paths:
            if not path.startswith(f"{self._tree}/"):
                await send_error(send, 404, refusal("path", "unknown; GET /docs.json describes the service"))
                return
            path = self._tree
            scope = {**scope, "path": path, "raw_path": path.encode()}
        problem = find_problem(scope)
        if problem is not None:
            await send_error(send, *problem, {"connection": "close"})
            return
        if path in self._limited:
            try:
                self._admission.check()
            except OverloadError as overload:
                await send_overload(send, overload)
                return
        await self._app(scope, receive, send)


class RateLimit:
    """ASGI middleware behind the gate: each key may call so often.

    Args:
        app: what lies behind.
        rates: None for no limit.
        limited: the paths that count.
    """

    def __init__(self, app: ASGIApp, *, rates: KeyRates | None, limited: Collection[str]) -> None:
        self._app, self._rates, self._limited = app, rates, frozenset(limited)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask a caller to come again, or pass the call on."""
        key = caller.get()
        if self._rates is not None and key is not None and scope["type"] == "http" and scope["path"] in self._limited:
            try:
                self._rates.take(key.key_id, time.monotonic())
            except OverloadError as overload:
                await send_overload(send, overload)
                return
        await self._app(scope, receive, send)


def find_problem(scope: Scope) -> tuple[int, ErrorResponse] | None:
    """Find what is wrong with a call's headers; the status and the error, or None."""
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS:
        return 431, refusal("headers", f"must be at most {MOST_HEADERS}")
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > PATH_BYTES:
        return 414, refusal("path", f"must be at most {PATH_BYTES} bytes")
    repeated = find_repeated(headers)
    return None if repeated is None else (400, refusal("headers", repeated))


async def send_overload(send: Send, overload: OverloadError) -> None:
    """Answer with 429 and when to come again."""
    await send_error(send, 429, overload_error(overload), {"retry-after": str(overload.wait)})


def overload_error(overload: OverloadError) -> ErrorResponse:
    """Build the error of a call that comes at a bad time."""
    return refusal("load", f"{overload}: try again")


async def send_error(send: Send, status: int, error: ErrorResponse, headers: dict[str, str] | None = None) -> None:
    """Answer with an error, with no layer between: an answer to an attack must be cheap."""
    await send_json(send, status, error.model_dump_json().encode(), headers)


async def send_json(send: Send, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    """Send a whole body of JSON."""
    all_headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    all_headers += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
