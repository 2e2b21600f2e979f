"""Gathering: bodies wait a moment, are reduced together, become durable together, and are answered one by one."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from features.errors import StillwatchError
from features.formats.log_format import LogFormat
from pipelines.follow.taking.bodies import Reducer, Taken

GATHER_SECONDS = 0.2
"""Between the begins of two reductions: a reduction costs 0.1 s of processor time however little it reduces, so half of
this would take half a core at any load, and twice as much delays every answer."""
_PER_WORK, _LONGEST_GATHER = 4.0, 2.0
"""So many times as long as a reduction takes, but no more than so many seconds, it is gathered for: at 2,000 events a
second that is a second, and takes 0.25 cores where gathering for 0.2 s takes 0.6. Halved, answers come sooner by a
quarter of a second, and refreshes get less of the processor."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of bodies that may wait; then senders are asked to come again, so that memory stays bounded."""
_TOGETHER = 16 * 1024 * 1024  # bytes that are reduced at once

log = logging.getLogger("stillwatch.follow")


class BusyError(StillwatchError):
    """Too many bodies wait."""


class NotStoredError(StillwatchError):
    """The events of a body could not be made durable."""


@dataclass(frozen=True)
class _Waiting:
    body: bytes
    log_format: LogFormat
    answer: asyncio.Future[Taken]


class Gathering:
    """Takes bodies from many senders; runs in an event loop.

    Args:
        reducer: makes events of bodies.
        accept: makes events durable; called in a thread, with one call at a time.
    """

    def __init__(self, reducer: Reducer, accept: Callable[[pl.DataFrame], None]) -> None:
        self._reducer, self._accept = reducer, accept
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._more = asyncio.Event()

    @property
    def waiting_bodies(self) -> int:
        """How many bodies wait to be reduced."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Their size."""
        return self._bytes

    async def take(self, body: bytes, log_format: LogFormat) -> Taken:
        """Return what became of a body, once its events are durable.

        Raises:
            BusyError: too many wait.
            NotStoredError: the journal can't be written, or too many events wait for the lake.
        """
        if self._waiting and self._bytes + len(body) > MOST_BYTES:
            raise BusyError("too many events arrive at once: send these again in a second")
        waiting = _Waiting(body, log_format, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._bytes += len(body)
        self._more.set()
        return await waiting.answer

    async def run(self) -> None:
        """Reduce what waits, again and again, until cancelled."""
        while True:
            await self._more.wait()
            together = self._next()
            begin = time.monotonic()
            for _, alike in groupby(sorted(together, key=_format_name), key=_format_name):
                await self._serve(list(alike))
            taken = time.monotonic() - begin
            await asyncio.sleep(max(GATHER_SECONDS, min(_PER_WORK * taken, _LONGEST_GATHER)) - taken)

    def _next(self) -> list[_Waiting]:
        together, size = [], 0
        while self._waiting and size < _TOGETHER:
            waiting = self._waiting.popleft()
            together.append(waiting)
            size += len(waiting.body)
        self._bytes -= size
        if not self._waiting:
            self._more.clear()
        return together

    async def _serve(self, alike: Sequence[_Waiting]) -> None:
        bodies = [waiting.body for waiting in alike]
        try:
            answers = await asyncio.to_thread(self._reduce, bodies, alike[0].log_format)
        except (StillwatchError, OSError) as error:
            reason = (
                str(error) if isinstance(error, StillwatchError) else f"the journal can't be written ({error.strerror})"
            )
            log.error("events were not stored: %s", reason)
            for waiting in alike:
                _fail(waiting, NotStoredError(reason))
        except Exception as error:
            await self._serve_odd(alike, error)
        else:
            for waiting, answer in zip(alike, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _serve_odd(self, alike: Sequence[_Waiting], error: Exception) -> None:
        """Find the body that can't be reduced: all others are taken."""
        if len(alike) > 1:
            for waiting in alike:
                await self._serve([waiting])
            return
        log.error("a body can't be reduced (%s)", type(error).__name__)  # never its text, which messages may hold
        if not alike[0].answer.done():
            alike[0].answer.set_result(Taken(refusal="the body can't be read as events of this format"))

    def _reduce(self, bodies: list[bytes], log_format: LogFormat) -> list[Taken]:
        events, answers = self._reducer.reduce(bodies, log_format)
        if len(events):
            self._accept(events)
        return answers


def _format_name(waiting: _Waiting) -> str:
    return waiting.log_format.name


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
