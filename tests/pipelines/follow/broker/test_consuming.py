"""A connection that is made again, and what is told of it."""

import asyncio
from collections.abc import Callable

import pytest

from pipelines.follow.broker import consuming
from pipelines.follow.broker.consuming import BrokerAwayError
from pipelines.follow.broker.settling import Settler
from pipelines.follow.broker.source import BrokerReading, parse_source
from tests.pipelines.follow.broker.conftest import reading_broker, run, until

READING = BrokerReading(parse_source("nats://h/EVENTS"), "me")


class Flaky:
    """A client that fails in two ways by turns; the third connection holds."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.is_closed = False

    async def open(self) -> None:
        if self._number in (0, 2):
            raise BrokerAwayError("no answer")
        if self._number == 1:
            raise ValueError("canary")

    async def check(self) -> None:
        """It answers."""

    async def close(self) -> None:
        self.is_closed = True
        raise OSError("gone")


def test_each_reason_is_told_once_and_every_connection_is_closed(
    said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "RETRY_SECONDS", 0.01)
    clients: list[Flaky] = []

    def connect(what: BrokerReading, settler: Settler, *_: object) -> Flaky:
        clients.append(Flaky(len(clients)))
        return clients[-1]

    async def test() -> None:
        async with reading_broker(READING, connect) as reader:
            await until(lambda: reader.consuming.is_connected)
            await asyncio.sleep(0.05)
            assert len(clients) == 4

    run(test())
    assert said() == [
        "the stream EVENTS of nats://h:4222 can't be read (no answer); it is tried every second",
        "the stream EVENTS of nats://h:4222 can't be read (an unforeseen ValueError); it is tried every second",
        "the stream EVENTS of nats://h:4222 is read again",
    ]
    assert all(client.is_closed for client in clients)
