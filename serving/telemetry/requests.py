"""Request ids, and what is counted and logged of each request."""

import logging
import re
import secrets
from collections.abc import Collection, Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.telemetry.logs import request_id
from serving.telemetry.tallies import BucketCounter, LabelledCounter

if TYPE_CHECKING:
    from prometheus_client.core import Metric

HEADER = b"x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
OTHER = "other"
"""The route of all paths that are no route: callers make up as many as they like."""
PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
log = logging.getLogger("stillwatch.http")


class RequestMeters:
    """What is counted of requests: answers by route and status, and their seconds by route.

    Args:
        routes: the paths that are named; those that end in `/` stand for all below.
    """

    def __init__(self, routes: Collection[str]) -> None:
        self._routes = frozenset(routes)
        self._begins = tuple(route for route in routes if route.endswith("/"))
        self._answers = LabelledCounter(
            "stillwatch_http_requests", "Requests, by route and by status of the answer.", ("route", "code")
        )
        self._seconds = BucketCounter(
            "stillwatch_http_request_seconds", "Seconds until an answer was sent.", _SECONDS, "route"
        )

    def route_of(self, path: str) -> str:
        """Return a path's route."""
        if path in self._routes:
            return path
        return next((begin for begin in self._begins if path.startswith(begin)), OTHER)

    def count(self, route: str, code: str, seconds: float) -> None:
        """Count a request."""
        self._answers.add(route, code)
        self._seconds.observe(seconds, route)

    def collect(self) -> list["Metric"]:
        """What was counted."""
        return [self._answers.collect(), self._seconds.collect()]


class NumberedRequests:
    """ASGI middleware that gives each request an id, returns it, and counts and logs the request.

    A caller's own `X-Request-ID` is taken if it is up to 64 letters, digits, dots, dashes and underscores.

    Args:
        app: what answers.
        meters: counts.
    """

    def __init__(self, app: ASGIApp, *, meters: RequestMeters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer under an id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = number_of(scope["headers"])
        token, begin, code = request_id.set(number), perf_counter(), "none"

        async def send_numbered(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
                others = (pair for pair in message.get("headers", ()) if pair[0].lower() != HEADER)
                message = {**message, "headers": [*others, (HEADER, number.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, send_numbered)
        finally:
            seconds, route = perf_counter() - begin, self._meters.route_of(scope["path"])
            self._meters.count(route, code, seconds)
            level = _level_of(route, code)
            if log.isEnabledFor(level):
                fields = {"method": _method_of(scope), "route": route, "status": code, "seconds": round(seconds, 6)}
                log.log(level, "%s %s %s", fields["method"], route, code, extra={"fields": fields})
            request_id.reset(token)


def _level_of(route: str, code: str) -> int:
    """Failures of ours are warnings; of probes only failures are of interest."""
    if code.startswith("5"):
        return logging.WARNING
    return logging.DEBUG if route in PROBES else logging.INFO


def number_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that a caller gives its request, or one that is made."""
    shown = [value for name, value in headers if name == HEADER]
    return shown[0].decode() if len(shown) == 1 and _SANE.fullmatch(shown[0]) else secrets.token_hex(8)


def _method_of(scope: Scope) -> str:
    """The method; a caller may send any word."""
    method = str(scope["method"])
    return method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else OTHER
