"""The gate: each call shows a key that opens what it asks for, else it is answered here."""

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import IntegrityError, StillwatchError
from serving.access.audit import AuditLog
from serving.access.keys import AccessKey, KeyFile

WRONG_TRIES, TRY_SECONDS = 10, 60.0
"""So many wrong keys of one address within so many seconds; then it has to wait. A right key is not guessed either way
(it has 256 bits): the limit keeps the log short and the guesser slow."""
_MOST_ADDRESSES = 10_000  # whose tries are remembered; the oldest is dropped
_SCHEME = "bearer "
log = logging.getLogger("stillwatch.access")

caller: ContextVar[AccessKey | None] = ContextVar("caller", default=None)
"""The key of the current call; None where none is needed."""


def may_read_reasons() -> bool:
    """Tell whether the current caller may read why: reasons would tell an attacker what to change."""
    key = caller.get()
    return key is None or key.opens("reasons")


class UnauditedError(StillwatchError):
    """Reasons were asked for, and nobody could note it: they are not given then."""

    def __init__(self) -> None:
        super().__init__(
            "reasons are not given now, since the audit log can't be written; a key without the scope reasons is "
            "answered"
        )
        self.answer = JSONResponse({"error": str(self)}, 503, {"retry-after": "5"})


async def note_reasons(audit: AuditLog | None, account_ids: Sequence[str], now: datetime) -> None:
    """Note whose reasons the current caller reads, before it reads them.

    Args:
        audit: where; None where nobody needs a key.
        account_ids: those whose answers hold reasons.
        now: the time of the answer.

    Raises:
        UnauditedError: it can't be noted.
    """
    key = caller.get()
    if audit is None or key is None or not account_ids:
        return
    try:
        named = [audit.pseudonym(account_id) for account_id in account_ids]
        await asyncio.to_thread(audit.append, "reasons read", key.name, now, accounts=named)
    except (OSError, IntegrityError) as error:
        log.error("reasons are withheld: the audit log can't be written (%s)", type(error).__name__)
        raise UnauditedError from error


@dataclass
class WrongTries:
    """Remembers when an address showed wrong keys; memory is bounded."""

    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def add(self, address: str, now: float) -> None:
        """Remember a wrong try."""
        self._times.setdefault(address, deque(maxlen=WRONG_TRIES)).append(now)
        self._times.move_to_end(address)
        while len(self._times) > _MOST_ADDRESSES:
            self._times.popitem(last=False)

    def wait(self, address: str, now: float) -> float:
        """Return the seconds that an address has to wait; 0 for none."""
        times = self._times.get(address)
        return max(0.0, times[0] + TRY_SECONDS - now) if times and len(times) == WRONG_TRIES else 0.0


class Gate:
    """ASGI middleware that lets through only calls with a key for their path's scope.

    Args:
        app: what lies behind.
        keys: the keys; None lets everybody through (`--open`).
        audit: where wrong tries are noted.
        scopes: scope by path, or by the begin of paths if it ends in `/`; paths that are not named need none.
        now: the clock.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyFile | None,
        audit: AuditLog | None,
        scopes: Mapping[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._app, self._keys, self._audit, self._scopes, self._now = app, keys, audit, scopes, now
        self._tries = WrongTries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through or answer it."""
        route = self._route_of(scope["path"]) if scope["type"] == "http" else None
        if route is None or self._keys is None:
            await self._app(scope, receive, send)
            return
        now, address = self._now(), (scope.get("client") or ("unknown",))[0]
        wait = self._tries.wait(address, now.timestamp())
        if wait:
            await _refuse(send, 429, "too many wrong keys from this address: wait", {"retry-after": str(1 + int(wait))})
            return
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        text = shown[0].decode("latin-1") if len(shown) == 1 else ""
        try:
            key = self._keys.find(text[len(_SCHEME) :].strip(), now) if text.lower().startswith(_SCHEME) else None
        except IntegrityError as unreadable:
            log.error("%s", unreadable)
            await _refuse(send, 503, "access keys can't be read", {"retry-after": "5"})
            return
        if key is None:
            if shown:  # a call without any key is a mistake, not a try
                self._tries.add(address, now.timestamp())
                await self._note("wrong key", "unknown", now, path=route)
            error = "a valid key is needed: Authorization: Bearer KEY (`stillwatch keys create` makes one)"
            await _refuse(send, 401, error, {"www-authenticate": "Bearer"})
        elif not key.opens(wanted := self._scopes[route]):
            await self._note("scope refused", key.name, now, path=route, scope=wanted)
            await _refuse(send, 403, f"this key does not open the scope {wanted}", {})
        else:
            caller.set(key)
            try:
                await self._app(scope, receive, send)
            except UnauditedError as error:
                await error.answer(scope, receive, send)

    def _route_of(self, path: str) -> str | None:
        """The named path that a path is, or begins with; what follows may name anything, so it is noted nowhere."""
        if path in self._scopes:
            return path
        return next((begin for begin in self._scopes if begin.endswith("/") and path.startswith(begin)), None)

    async def _note(self, event: str, actor: str, now: datetime, **details: object) -> None:
        if self._audit is None:
            return
        try:  # in a thread, as it waits for the disk
            await asyncio.to_thread(self._audit.append, event, actor, now, **details)
        except (OSError, IntegrityError) as error:  # the caller is refused all the same, and `AuditLog.failures` grows
            log.error("the audit log can't be written (%s)", type(error).__name__)


async def _refuse(send: Send, status: int, error: str, headers: Mapping[str, str]) -> None:
    body = json.dumps({"error": error}).encode()
    more = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close", **headers}
    await send({
        "type": "http.response.start",
        "status": status,
        "headers": [(name.encode(), value.encode()) for name, value in more.items()],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": body})
