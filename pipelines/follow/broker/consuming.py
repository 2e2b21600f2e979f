"""Consuming: a connection to the broker that is made again for as long as the follower runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from features.errors import StillwatchError
from features.formats import FORMATS
from pipelines.follow.broker.settling import BrokerMeters, Settler
from pipelines.follow.broker.source import BrokerReading
from pipelines.follow.taking.gathering import Gathering
from pipelines.follow.taking.meters import Meters

CHECK_SECONDS = 2.0
"""Between two questions whether the broker still answers; a loss is seen after so long at most."""
RETRY_SECONDS = 1.0
"""Between two tries to connect."""
CLOSE_SECONDS = 10.0  # that a connection has to end

log = logging.getLogger("stillwatch.follow")


class BrokerAwayError(StillwatchError):
    """The broker can't be read now; the message says why, and holds neither a password nor the text of a message."""


class BrokerClient(Protocol):
    """A connection to a broker."""

    async def open(self) -> None:
        """Connect, and begin to settle messages.

        Raises:
            BrokerAwayError: see there.
        """

    async def check(self) -> int | None:
        """Ask whether the broker still answers; return how many messages wait there, None if it does not say.

        Raises:
            BrokerAwayError: it does not.
        """

    async def close(self) -> None:
        """End the connection; what is not acknowledged comes again."""


Connect = Callable[[BrokerReading, Settler], BrokerClient]


class Consuming:
    """Reads a source.

    Args:
        reading: what is read, and how.
        meters: counts records.
        connect: makes a connection.
    """

    def __init__(self, reading: BrokerReading, meters: Meters, connect: Connect) -> None:
        self._reading, self._meters, self._connect = reading, meters, connect
        self._messages = BrokerMeters(meters.registry)
        self._reasons: set[str] = set()
        self.is_connected = False

    async def consume(self, gathering: Gathering) -> None:
        """Settle messages until cancelled; a broker that is away is asked again and again."""
        log_format = FORMATS[self._reading.source.format_name]
        settler = Settler(gathering, log_format, self._meters, self._messages)
        while True:
            client: BrokerClient | None = None
            try:
                client = self._connect(self._reading, settler)
                await client.open()
                self._note_connected()
                while True:
                    await asyncio.sleep(CHECK_SECONDS)
                    self._messages.note_waiting(await client.check())
            except Exception as error:
                self._note_away(error)
            finally:
                self.is_connected = False
                if client is not None:
                    await _end(client.close())
            await asyncio.sleep(RETRY_SECONDS)

    def _note_connected(self) -> None:
        if self._reasons:
            log.warning("%s is read again", self._reading.source.describe())
        self._reasons.clear()
        self.is_connected = True
        self._messages.connected.set(1)
        self._messages.connections.inc()

    def _note_away(self, error: Exception) -> None:
        """Tell of each reason once until the broker answers again."""
        self._messages.connected.set(0)
        self._messages.note_waiting(None)
        reason = str(error) if isinstance(error, StillwatchError) else f"an unforeseen {type(error).__name__}"
        if reason not in self._reasons:
            log.warning("%s can't be read (%s); it is tried every second", self._reading.source.describe(), reason)
        self._reasons.add(reason)


async def _end(closing: Awaitable[None]) -> None:
    """Wait until a connection has ended; what goes wrong there harms nobody."""
    with suppress(Exception):
        await asyncio.wait_for(closing, CLOSE_SECONDS)
