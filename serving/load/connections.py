"""Limits on connections, which uvicorn has not: how many there are, how long headers are, and how slowly they come."""

import logging
from asyncio import TimerHandle
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

import uvicorn.protocols.http.auto as protocols
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.load.admission import RETRY_SECONDS, TOO_MANY_CALLS, Admission, OverloadError
from serving.load.body_reader import find_repeated
from serving.load.front import overload_error
from serving.telemetry.requests import HEADER, RequestMeters, log, number_of

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

    early: "EarlyRefusal | None" = None
    _timer: TimerHandle | None = None
    _in_headers = False
    _header_bytes = 0
    _is_refused = _is_whole = False

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
        self._note_whole(False)
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
        """End the wait for a call's headers; refuse it here if too many are under way."""
        self._in_headers = False
        self._end_wait()
        is_free = self.cycle is None or self.cycle.response_complete  # else answers would change places
        if is_free and not self.expect_100_continue and self.early is not None:
            answer = self.early.refuse(self.url, self.headers)
            if answer is not None:
                self._is_refused = True
                defaults = [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
                self.transport.write(b"".join([STATUS_LINE[429], *defaults, answer]))
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take up a part of a body, or drop it if its call was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a call; one that was refused needs nothing more."""
        if not self._is_refused:
            super().on_message_complete()
            if self.early is not None and self.early.route_of(self.url) is not None:
                self._note_whole(not self.cycle.response_complete)
            return
        self._is_refused = False
        self.server_state.total_requests += 1
        if self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive():
            self.transport.close()
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def on_response_complete(self) -> None:
        """End an answer."""
        self._note_whole(False)
        super().on_response_complete()

    def _note_whole(self, is_whole: bool) -> None:
        """Note whether a call that costs work is here as a whole and not answered yet."""
        if self.early is not None and is_whole != self._is_whole:
            self.early.admission.whole_calls += 1 if is_whole else -1
            self._is_whole = is_whole

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


class EarlyRefusal:
    """Refuses calls too many as soon as their headers are there, without any application.

    At five times the capacity four calls are refused for each that is answered, so what a refusal costs is taken from
    the answers: here a third of what it costs in `Front` (30 µs instead of 93), which refuses the rest alike.

    Args:
        admission: what is under way.
        limited: the paths that cost work.
        tree: one of them, with all below it.
        meters: counts.
    """

    def __init__(self, admission: Admission, limited: Collection[str], tree: str, meters: RequestMeters) -> None:
        self.admission, self._meters = admission, meters
        self._routes = {path.encode(): meters.route_of(path) for path in limited}
        self._tree, self._tree_route = f"{tree}/".encode(), meters.route_of(f"{tree}/")

    def route_of(self, url: bytes) -> str | None:
        """The route of a call that costs work; None of another."""
        path = url.partition(b"?")[0]
        return self._routes.get(path) or (self._tree_route if path.startswith(self._tree) else None)

    def refuse(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """Return the answer to a call, without its first line; None if it goes on as usual.

        Calls whose body may be long, or whose sender waits before it sends it, are refused by the application.
        """
        under_way = max(self.admission.calls, self.admission.whole_calls)
        if under_way < self.admission.limit or log.isEnabledFor(logging.INFO):
            return None
        route = self.route_of(url)
        if route is None or find_repeated(headers) is not None:
            return None
        given = dict(headers)
        length = given.get(b"content-length", b"0")
        if b"transfer-encoding" in given or not length.isdigit() or int(length[:20]) > _SHORT_BODY:
            return None
        self.admission.refused += 1
        self._meters.count(route, "429", 0.0)
        return _HEAD + HEADER + b": " + number_of(headers).encode() + b"\r\n\r\n" + _BODY


_SHORT_BODY = 64 * 1024
_BODY = overload_error(OverloadError(TOO_MANY_CALLS)).model_dump_json().encode()
_HEAD = b"content-type: application/json\r\ncontent-length: %d\r\nretry-after: %d\r\n" % (len(_BODY), RETRY_SECONDS)


def put_before(front: Callable[[ASGIApp], ASGIApp], early_refusal: EarlyRefusal) -> None:
    """Let uvicorn, which BentoML starts after it has loaded the service, use connections with limits and a front.

    Args:
        front: makes the application that a call meets first from that which BentoML made, its metrics included.
        early_refusal: refuses calls before that.
    """

    class FrontedProtocol(LimitedProtocol):
        early = early_refusal

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.app = _fronted(self.app)

    @lru_cache(maxsize=1)
    def _fronted(app: Any) -> Any:
        return front(app)

    protocols.AutoHTTPProtocol = FrontedProtocol
