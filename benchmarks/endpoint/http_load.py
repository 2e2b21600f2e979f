"""Load on an HTTP server over keep-alive connections: as fast as it answers, or at a given pace."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_WAIT = 60.0  # seconds after which a call counts as lost


@dataclass
class LoadResult:
    """What came of a load.

    Attributes:
        seconds: how long it went on.
        statuses: calls by HTTP status; 0 for those that were lost.
        answered: seconds of each call that got 200.
        refused: seconds of each call that got 429.
        unavailable: calls that got 200 and word that the store could not tell of an account in time.
        example: an answer that was neither.
        wrong: answers that `LoadPlan.is_right` does not take; the last is the example.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    unavailable: int = 0
    example: bytes = b""
    wrong: int = 0

    def percentiles(self, *shares: float) -> list[float]:
        """Percentiles of the calls that were answered, in milliseconds."""
        return [float(np.percentile(self.answered, share)) * 1e3 if self.answered else float("nan") for share in shares]

    def note(self, status: int, took: float, answer: bytes) -> None:
        """Count a call."""
        self.statuses[status] += 1
        if status == 200 and b'"unavailable"' in answer:
            self.unavailable += 1
        elif status == 200:
            self.answered.append(took)
        elif status == 429:
            self.refused.append(took)
        else:
            self.example = answer[:300]


@dataclass(frozen=True)
class LoadPlan:
    """How to load a server.

    Attributes:
        url: of the server.
        path: that is asked.
        body: of each call, by its number.
        connections: how many there are.
        seconds: how long.
        pace: calls a second over all connections; None for as many as are answered.
        is_right: tells of the answer to a call, by its number, whether it is right; None where nobody looks.
    """

    url: str
    path: str
    body: Callable[[int], bytes]
    connections: int
    seconds: float
    pace: float | None = None
    is_right: Callable[[int, bytes], bool] | None = None


def run_load(plan: LoadPlan) -> LoadResult:
    """Load a server, and say what came of it."""
    return uvloop.run(_run(plan))


async def _run(plan: LoadPlan) -> LoadResult:
    load, begin = LoadResult(), time.perf_counter()
    end = begin + plan.seconds
    callers = [_call_until(plan, number, end, load) for number in range(plan.connections)]
    await asyncio.gather(*callers)
    load.seconds = time.perf_counter() - begin
    return load


async def _call_until(plan: LoadPlan, number: int, end: float, load: LoadResult) -> None:
    """Call over one connection until the time has come; one that breaks is opened again."""
    interval = 0.0 if plan.pace is None else plan.connections / plan.pace
    due = time.perf_counter() + interval * number / plan.connections
    address, call, connection = urlsplit(plan.url), number * 1_000_003, None
    while (now := time.perf_counter()) < end:
        if interval:
            await asyncio.sleep(max(0.0, min(due, end) - now))
            due = max(due + interval, time.perf_counter())
        begin = time.perf_counter()
        try:
            if connection is None:
                connection = await asyncio.open_connection(address.hostname, address.port)
            status, answer, is_open = await asyncio.wait_for(_exchange(plan, *connection, call), _WAIT)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status, answer, is_open = 0, b"", False
        load.note(status, time.perf_counter() - begin, answer)
        if status == 200 and plan.is_right is not None and not plan.is_right(call, answer):
            load.wrong, load.example = load.wrong + 1, answer[:300]
        call += 1
        if not is_open and connection is not None:
            connection[1].close()
            connection = None
    if connection is not None:
        connection[1].close()


async def _exchange(
    plan: LoadPlan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: int
) -> tuple[int, bytes, bool]:
    """One call: its status, its answer, and whether the connection stays open."""
    body = plan.body(call)
    head = f"POST {plan.path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    answer_head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(answer_head)
    answer = await reader.readexactly(int(length[1]) if length else 0)
    return int(answer_head[9:12]), answer, b"connection: close" not in answer_head.lower()
