"""A reverse proxy before MLflow's own server, which knows nobody: calls reach it only through the gate."""

from datetime import UTC, datetime

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.servers.key_sessions import BeforeGate, BehindGate, KeySessions
from serving.access.audit import AuditLog
from serving.access.gate import Gate
from serving.access.keys import KeyFile

SCOPE_OF = {"/": "admin"}
"""Who may see runs may also delete them and move the champion's alias: MLflow has one page for all of it."""
_SECONDS = 120.0  # MLflow may take for an answer
_OF_A_CONNECTION = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade".split()
)


def guarded_pages(pages: ASGIApp, keys: KeyFile | None, audit: AuditLog, *, is_secure: bool) -> ASGIApp:
    """Put the gate and a browser's sessions before pages.

    Args:
        pages: what is guarded.
        keys: the access keys; None lets everybody in.
        audit: where wrong tries are noted.
        is_secure: whether the pages are served over HTTPS.
    """
    if keys is None:
        return pages
    sessions = KeySessions(is_secure, lambda: datetime.now(UTC).timestamp())
    gate = Gate(BehindGate(pages, sessions), keys=keys, audit=audit, scopes=SCOPE_OF)
    return BeforeGate(gate, sessions)


class ReverseProxy:
    """ASGI application that passes each call on, and its answer back, part by part.

    Args:
        transport: leads to the server behind.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._client = httpx.AsyncClient(transport=transport, base_url="http://behind", timeout=_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        headers = [pair for pair in request.headers.items() if pair[0] not in _OF_A_CONNECTION]
        has_body = {"content-length", "transfer-encoding"} & set(request.headers)
        asked = self._client.build_request(
            request.method,
            self._client.base_url.copy_with(raw_path=scope["raw_path"] + query),
            headers=headers,
            content=request.stream() if has_body else None,
        )
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            failed = JSONResponse({"error": f"MLflow does not answer ({type(error).__name__})"}, 502)
            await failed(scope, receive, send)
            return
        passed = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
        passed.raw_headers = [
            (name.lower(), value) for name, value in answer.headers.raw if name.decode().lower() not in _OF_A_CONNECTION
        ]
        await passed(scope, receive, send)
