"""Real brokers for the tests: a NATS server, and librdkafka's cluster for tests, which speaks Kafka's protocol."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from prometheus_client import generate_latest

from benchmarks.speed.nats_server import NatsServer
from features.identity import Keyring
from pipelines.follow.broker.access import BrokerAccess
from pipelines.follow.broker.consuming import Consuming
from pipelines.follow.broker.settling import Settler
from pipelines.follow.broker.source import BrokerReading
from pipelines.follow.follower_state import FollowerState
from pipelines.follow.taking.bodies import Reducer
from pipelines.follow.taking.gathering import Gathering
from pipelines.follow.taking.meters import Meters
from tests.features.conftest import SECRET

PATIENCE = 60.0  # seconds; a busy machine needs some of them
CLUSTER = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none"})
(broker,) = producer.list_topics(timeout=10).brokers.values()
for topic in sys.argv[1:]:
    producer.list_topics(topic, timeout=10)
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that is not started yet."""
    server = NatsServer(tmp_path / "nats")
    yield server
    server.kill()


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """The address of a cluster with the topics that the tests name."""
    topics = ["events", "dead", "plain", "held"]
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, *topics], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()


@dataclass
class Journalled:
    """Stands for the journal, which has tests of its own; `error` is what goes wrong when it is written."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    error: Exception | None = None

    def accept(self, events: pl.DataFrame) -> None:
        if self.error:
            raise self.error
        self.frames.append(events)

    @property
    def events(self) -> int:
        return sum(map(len, self.frames))


@dataclass
class Reader:
    """A broker that is being read."""

    journal: Journalled
    consuming: Consuming
    meters: Meters

    def metric(self, name: str) -> float:
        lines = generate_latest(self.meters.registry).decode().splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name)))


Connect = Callable[[BrokerReading, Settler, BrokerAccess], Any]


@asynccontextmanager
async def reading_broker(
    reading: BrokerReading, connect: Connect, access: BrokerAccess | None = None
) -> AsyncIterator[Reader]:
    """Read a broker while the block runs."""
    journal, meters = Journalled(), Meters(FollowerState)
    gathering = Gathering(Reducer(Keyring(SECRET)), journal.accept)
    consuming = Consuming(reading, meters, lambda what, settler: connect(what, settler, access or BrokerAccess()))
    tasks = [asyncio.create_task(run) for run in (gathering.run(), consuming.consume(gathering))]
    try:
        yield Reader(journal, consuming, meters)
    finally:
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it is not so"
        await asyncio.sleep(0.02)


async def until_settled(streams: JetStreamContext) -> ConsumerInfo:
    """Wait until every message that was fetched is acknowledged."""
    end = time.monotonic() + PATIENCE
    while True:
        info = await streams.consumer_info("EVENTS", "stillwatch-test")
        if not info.num_ack_pending:
            return info
        assert time.monotonic() < end, f"{info.num_ack_pending} messages are not acknowledged"
        await asyncio.sleep(0.05)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the follower's log holds so far."""
    caplog.set_level(logging.WARNING, "stillwatch.follow")
    return lambda: [entry.getMessage() for entry in caplog.records if entry.name.startswith("stillwatch")]
