"""Limits on connections, which uvicorn has not: how many there are, how long headers are, and how slowly they come."""

from asyncio import TimerHandle
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import uvicorn.protocols.http.auto as protocols
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_CONNECTIONS = 1_000
"""At a time; others are closed at once. Doubled, idle strangers could hold twice the memory and file handles."""

HEADER_BYTES = 64 * 1024
HEADER_SECONDS = 10.0
"""A sender has this long for the headers of a call, from the first byte on, and for the first byte of all."""

_REFUSALS = {
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
    408: b"HTTP/1.1 408 Request Timeout\r\n",
}
_open_connections: set["LimitedProtocol"] = set()


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol of a connection, with limits."""

    _timer: TimerHandle | None = None
    _in_headers = False
    _header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Take up a connection, or close it if there are too many."""
        super().connection_made(transport)
        if len(_open_connections) >= MOST_CONNECTIONS:
            transport.close()
            return
        _open_connections.add(self)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        _open_connections.discard(self)
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take up some bytes; headers must not be too long in all."""
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to count: a call begins."""
        super().on_message_begin()
        self._in_headers, self._header_bytes = True, 0
        if self._timer is None:
            self._await_headers()

    def on_headers_complete(self) -> None:
        """End the wait for a call's headers."""
        self._in_headers = False
        self._end_wait()
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        """Never: there are no websockets here, and a connection that becomes one would leave these limits."""
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: anybody may ask for it, again and again."""

    def _await_headers(self) -> None:
        self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, 408)

    def _end_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int) -> None:
        """Answer in place of the service, and close."""
        self._end_wait()
        if not self.transport.is_closing():
            self.transport.write(_REFUSALS[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()


def put_before(front: Callable[[ASGIApp], ASGIApp]) -> None:
    """Let uvicorn, which BentoML starts after it has loaded the service, use connections with limits and a front.

    Args:
        front: makes the application that a call meets first from that which BentoML made, its metrics included.
    """

    class FrontedProtocol(LimitedProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.app = _fronted(self.app)

    @lru_cache(maxsize=1)
    def _fronted(app: Any) -> Any:
        return front(app)

    protocols.AutoHTTPProtocol = FrontedProtocol
