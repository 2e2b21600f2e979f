"""Settling a message: it is taken, or nobody can read it, and until one of the two is sure it waits.

What can't be stored now, as the disk is full or too much waits for the lake, is tried again for as long as that takes:
so nothing more is fetched meanwhile, and the broker keeps the rest.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge

from features.formats.log_format import LogFormat
from pipelines.follow.taking.bodies import EVENTS_BODY, BrokenRule, Taken
from pipelines.follow.taking.gathering import BusyError, Gathering, NotStoredError
from pipelines.follow.taking.meters import Meters
from serving.load.body_reader import BodyError

MOST_MESSAGES = 2_000
"""Messages that are fetched at once: they are reduced and made durable together, about twice a second, so half as many
would halve the rate at which messages of one event are taken."""
FETCHED_BYTES = 32 * 1024 * 1024
"""Bytes that are fetched at once, as far as the size of the last messages tells."""
REASON = "stillwatch-reason"  # the header of a dead letter
_BUSY_SECONDS, _LONGEST_WAIT = 0.2, 5.0  # between two tries to take a message
_QUIET_SECONDS = 10.0  # between two lines about messages that can't be read
_FADING = 0.95  # by which the largest size fades with each message

log = logging.getLogger("stillwatch.follow")


@dataclass(frozen=True)
class BrokerMessage:
    """A message, whatever broker it comes from.

    Attributes:
        body: as it was sent.
        headers: names in any case.
        position: where it lies, in words; nothing of its content.
    """

    body: bytes
    headers: Mapping[str, str]
    position: str

    def header(self, name: str) -> str:
        """Return a header's value, empty if there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


class BrokerMeters:
    """Counts messages; no series names a stream, a topic or an account.

    Args:
        registry: where the counts are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge("stillwatch_broker_connected", "Whether the broker answers.", registry=registry)
        self.connections = Counter("stillwatch_broker_connections", "Connections that were made.", registry=registry)
        self.messages = Counter(
            "stillwatch_broker_messages", "Messages, by what became of them.", ["outcome"], registry=registry
        )
        for outcome in ("taken", "rejected", "waited"):
            self.messages.labels(outcome)
        self.waiting = Gauge(
            "stillwatch_broker_waiting_messages",
            "Messages at the broker that are not acknowledged; NaN while nobody knows.",
            registry=registry,
        )
        self.note_waiting(None)

    def note_waiting(self, count: int | None) -> None:
        """Note how many messages wait at the broker; None while nobody knows."""
        self.waiting.set(math.nan if count is None else count)


class BatchSize:
    """How many messages to fetch, by the size of those that came: memory stays bounded."""

    def __init__(self) -> None:
        self._largest = float(1 << 20)  # what NATS allows by default

    def note(self, size: int) -> None:
        """Note the bytes of a message."""
        self._largest = max(size, self._largest * _FADING)

    def fitting(self) -> int:
        """Return how many to fetch next."""
        return max(1, min(MOST_MESSAGES, int(FETCHED_BYTES / max(self._largest, 1.0))))


@dataclass
class Complaints:
    """Tells of messages that can't be read, in a line every few seconds at most."""

    _count: int = 0
    _next: float = -_QUIET_SECONDS
    _clock: Callable[[], float] = time.monotonic

    def add(self, position: str, reason: str) -> None:
        """Tell of a message, or count it for the next line."""
        self._count += 1
        if self._clock() >= self._next:
            others = f", and {self._count - 1} before it" if self._count > 1 else ""
            log.warning("%s%s: %s", position, others, reason)
            self._count, self._next = 0, self._clock() + _QUIET_SECONDS


@dataclass(frozen=True)
class Settler:
    """Takes messages.

    Attributes:
        gathering: makes events of bodies, and makes them durable.
        log_format: of the messages.
        meters: counts records.
        messages: counts messages.
    """

    gathering: Gathering
    log_format: LogFormat
    meters: Meters
    messages: BrokerMeters
    sizes: BatchSize = field(default_factory=BatchSize)
    _unreadable: Complaints = field(default_factory=Complaints)
    _broken: Complaints = field(default_factory=Complaints)

    async def settle(self, message: BrokerMessage, hold: Callable[[], Awaitable[None]]) -> str:
        """Wait until the events of a message are durable.

        Args:
            message: the message.
            hold: asks the broker for more time; called before each further try.

        Returns:
            Why nobody can read it; empty if it was taken.
        """
        self.sizes.note(len(message.body))
        try:
            EVENTS_BODY.check_size(len(message.body))
            is_packed = EVENTS_BODY.is_packed(message.header("content-encoding"))
            body = await asyncio.to_thread(EVENTS_BODY.unpack, message.body) if is_packed else message.body
        except BodyError as error:
            reason = str(error)
        else:
            taken = await self._take(body, hold)
            self.meters.count(taken)
            reason = taken.refusal or _nothing_good(taken)
            if not reason and taken.problems:
                self._broken.add(message.position, f"{taken.rejected} of its records are left out; {_rule(taken)}")
        self.messages.messages.labels("rejected" if reason else "taken").inc()
        if reason:
            self._unreadable.add(message.position, f"it can't be read and does not come again: {reason}")
        return reason

    async def _take(self, body: bytes, hold: Callable[[], Awaitable[None]]) -> Taken:
        """Take a body, however often it has to be tried."""
        wait = _BUSY_SECONDS
        while True:
            try:
                return await self.gathering.take(body, self.log_format)
            except BusyError:
                pass
            except NotStoredError:
                self.meters.refused.add()
                wait = min(2 * wait, _LONGEST_WAIT)
            self.messages.messages.labels("waited").inc()
            await asyncio.sleep(wait)
            await hold()


async def bury(
    send: Callable[[dict[str, str]], Awaitable[object]], reason: str, hold: Callable[[], Awaitable[None]]
) -> None:
    """Send a dead letter, however often it has to be tried.

    Args:
        send: sends it with headers that say why.
        reason: why nobody can read the message.
        hold: asks the broker for more time.
    """
    while True:
        try:
            await send({REASON: reason})
        except Exception as error:
            log.warning("a dead letter can't be sent (%s); it is tried again", type(error).__name__)
            await asyncio.sleep(_LONGEST_WAIT)
            await hold()
        else:
            return


def _nothing_good(taken: Taken) -> str:
    return f"no record keeps the contract; {_rule(taken)}" if taken.rejected and not taken.taken else ""


def _rule(taken: Taken) -> str:
    first: BrokenRule = taken.problems[0]
    return f"{first.column}|{first.rule}, first in row {first.first_row}: {first.advice}"
