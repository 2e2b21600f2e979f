"""`stillwatch follow --from nats://…` under load while follower, broker and endpoint are killed: what is lost then."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nats.js.errors import NotFoundError

from benchmarks.measure import log_step
from benchmarks.speed.follow_load import (
    BODY_EVENTS,
    Events,
    Load,
    count_events,
    end_follower,
    make_body,
    start_follower,
)
from benchmarks.speed.follow_service import ScoringService
from benchmarks.speed.nats_server import NatsServer
from features.lake import Lake

STREAM, SUBJECT, CONSUMER = "REQUESTS", "requests.live", "benchmark"
DRAINED = 300.0  # seconds that the follower has in the end for what waits at the broker
_TARGETS = ("follower", "broker", "service")
_PUBLISHERS = 4  # each waits for the broker's word before its next message


@dataclass
class Published:
    """What was published.

    Attributes:
        load: the events that the broker acknowledged.
        tries: messages that were sent, those sent again too.
    """

    load: Load = field(default_factory=Load)
    tries: int = 0


def kill_all(root: Path, events: Events, rate: int, kills: int) -> str:
    """Kill follower, broker and endpoint under load, one of them at a random moment again and again.

    Returns:
        What was lost, and what the endpoint answered.
    """
    server, service = NatsServer(root.parent / "nats"), ScoringService(root.parent, root / "features")
    server.start()
    try:
        return asyncio.run(_kill_all(root, events, rate, kills, server, service))
    finally:
        server.kill()
        service.end()


async def _kill_all(
    root: Path, events: Events, rate: int, kills: int, server: NatsServer, service: ScoringService
) -> str:
    async with server.streams() as streams:
        await streams.add_stream(name=STREAM, subjects=["requests.*"])
    published, rng = Published(), random.Random(0)
    options = ["--from", f"nats://{server.address}/{STREAM}/{SUBJECT}", "--consumer", CONSUMER, "--store-every", "10"]
    process, _ = start_follower(root, *options)
    publishing = [
        asyncio.create_task(_publish(server, events, rate / _PUBLISHERS, published)) for _ in range(_PUBLISHERS)
    ]
    killed = dict.fromkeys(_TARGETS, 0)
    try:
        await asyncio.to_thread(service.start_first)
        for i in range(kills):
            after, target = rng.uniform(0.2, 15), _TARGETS[i % 3] if kills < 6 else rng.choice(_TARGETS)
            await asyncio.sleep(after)
            killed[target] += 1
            log_step(f"kill {i + 1}: {target} after {after:.1f} s; {len(published.load.acknowledged):,} acknowledged")
            if target == "broker":
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(rng.uniform(0, 3))
                await asyncio.to_thread(server.start)
            elif target == "service":
                await asyncio.to_thread(service.kill)
                await asyncio.to_thread(service.start)
            else:
                process.kill()
                process.wait()
                process, _ = start_follower(root, *options)
        for task in publishing:
            task.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)
        delivered = await _drain(server)
        await asyncio.to_thread(end_follower, process)
    finally:
        process.kill()
        process.wait()
    stored = Lake(root / "lake").scan("events").select("request_key").collect()["request_key"]
    times = ", ".join(f"{target} {count} times" for target, count in killed.items())
    lines = [
        f"killed: {times}",
        f"published: {published.tries:,} messages of {BODY_EVENTS} events, {delivered}",
        f"in the lake: {len(stored):,} events, {stored.n_unique():,} different ones",
        count_events(root, published.load),
        service.report(),
    ]
    return "\n".join(lines)


async def _publish(server: NatsServer, events: Events, rate: float, published: Published) -> None:
    """Publish bodies at a rate until cancelled; each is sent again until the broker has acknowledged it."""
    ids: list[str] = []
    body = b""
    while True:
        with suppress(Exception):  # the broker was killed
            async with server.streams() as streams:
                while True:
                    begin = time.monotonic()
                    if not ids:
                        ids, body = make_body(random.choices(events, k=BODY_EVENTS))
                    published.tries += 1
                    await streams.publish(SUBJECT, body, timeout=2)
                    published.load.acknowledged += ids
                    ids = []
                    await asyncio.sleep(max(0.0, begin + BODY_EVENTS / rate - time.monotonic()))
        await asyncio.sleep(0.2)


async def _drain(server: NatsServer) -> str:
    """Wait until the follower has acknowledged all that the broker holds; return how often it was delivered."""
    end = time.monotonic() + DRAINED
    async with server.streams() as streams:
        while True:
            with suppress(NotFoundError):
                consumer = await streams.consumer_info(STREAM, CONSUMER)
                left = consumer.num_pending + consumer.num_ack_pending
                if not left or time.monotonic() > end:
                    break
            await asyncio.sleep(0.5)
        stored = (await streams.stream_info(STREAM)).state.messages
    again = consumer.delivered.consumer_seq - consumer.delivered.stream_seq
    return f"{stored:,} in the stream, {again:,} delivered again, {left:,} not acknowledged in the end"
