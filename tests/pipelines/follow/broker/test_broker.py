"""`stillwatch follow --from` as a process: follower and broker killed under load, and what is left on the disk."""

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from benchmarks.speed.nats_server import NatsServer
from features.lake import Lake
from serving.process import free_port
from tests.features.conftest import SECRET
from tests.pipelines.follow.broker.conftest import PATIENCE, run, until
from tests.pipelines.follow.taking.test_bodies import record
from tests.pipelines.follow.test_run import PAUSE, Sender, following, keys_of
from tests.test_canary import found_in

CANARY = "zqxcanary"
Run = Callable[..., subprocess.CompletedProcess[str]]


class Publisher:
    """Publishes messages one after another, each again until the broker has acknowledged it."""

    def __init__(self, server: NatsServer) -> None:
        self.acknowledged: list[str] = []
        self._server = server

    async def publish_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            with suppress(Exception):  # the broker is killed
                await self._publish(is_over)
            await asyncio.sleep(0.05)

    async def _publish(self, is_over: Callable[[], bool]) -> None:
        async with self._server.streams() as streams:
            while not is_over():
                begin, now = len(self.acknowledged), datetime.now(UTC).isoformat()
                numbers = range(begin, begin + 25)
                records = [record(i, request_id=f"n{i}", timestamp=now, prompt=f"{CANARY} {i}") for i in numbers]
                await streams.publish("events.a", "\n".join(map(json.dumps, records)).encode(), timeout=1)
                self.acknowledged += [f"n{i}" for i in numbers]
                await asyncio.sleep(PAUSE)


async def prepare(server: NatsServer) -> None:
    """Make the stream, with two messages that nobody can read."""
    async with server.streams() as streams:
        await streams.add_stream(name="EVENTS", subjects=["events.>"])
        await streams.publish("events.a", f'{{"prompt": "{CANARY}", "account_id"'.encode())
        await streams.publish("events.a", json.dumps(record(0, channel=CANARY, prompt=CANARY)).encode())


async def restart(server: NatsServer, address: str) -> None:
    """Kill the broker, see that health and metrics say so while HTTP goes on, and start it again."""

    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        async with asyncio.timeout(PATIENCE):
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
            await asyncio.to_thread(server.kill)
            while (await client.get("/readyz")).status_code != 503:
                await asyncio.sleep(0.1)
        assert "stillwatch_broker_connected 0.0" in (await client.get("/metrics")).text
        assert (await client.get("/livez")).status_code == 200
    await asyncio.to_thread(server.start)


def in_lake(root: Path) -> pl.Series:
    return Lake(root / "lake").scan("events").select("request_key").collect()["request_key"]


@pytest.mark.slow  # kills in one process are tested with the follower in every run
def test_every_acknowledged_event_is_in_the_lake_once_whatever_is_killed_and_its_text_is_nowhere(
    command: list[str], tmp_path: Path, nats_server: NatsServer
) -> None:
    root, publisher, sender, rng = tmp_path / "workspace", Publisher(nats_server), Sender(), random.Random(5)
    variables = os.environ | {"STILLWATCH_KEY": SECRET.hex(), "HOME": str(tmp_path)}

    async def send_and_kill(process: subprocess.Popen[bytes], address: str) -> None:
        sending = asyncio.create_task(asyncio.to_thread(sender.send_until, address, lambda: False))
        publishing = asyncio.create_task(publisher.publish_until(lambda: process.poll() is not None))
        await restart(nats_server, address)
        published = len(publisher.acknowledged)
        await until(lambda: len(publisher.acknowledged) > published)
        await asyncio.sleep(rng.uniform(0.3, 3))
        process.kill()
        await asyncio.gather(sending, publishing)

    nats_server.start()
    run(prepare(nats_server))
    source = ("--from", f"nats://{nats_server.address}/EVENTS/events.>", "--every", "2", "--store-every", "2")
    with following(command, root, variables, *source) as (process, address):
        run(send_and_kill(process, address))
    acknowledged = set(keys_of({*publisher.acknowledged, *sender.acknowledged}))
    with following(command, root, variables, *source) as (process, address):
        end = time.monotonic() + PATIENCE
        while not acknowledged <= set(in_lake(root)) and time.monotonic() < end:
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    stored = in_lake(root)
    assert acknowledged <= set(stored)
    assert stored.is_unique().all()
    assert min(len(publisher.acknowledged), len(sender.acknowledged)) > 100
    rolled_up = Lake(root / "lake").scan("account_rollups").select(pl.col("requests").sum()).collect().item()
    assert rolled_up == len(stored)
    assert list((root / "journal").iterdir()) == []
    assert found_in(root, (CANARY,)) == []
    said = (tmp_path / "log").read_text() + (root / "follow.log").read_text()
    assert CANARY not in said
    assert 1 <= said.count("it can't be read and does not come again") <= 2
    assert said.count("is read again") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "nats://me:opensesame@h/EVENTS"], "set STILLWATCH_BROKER_USER and STILLWATCH_BROKER_PASSWORD"),
        (["--consumer", "me"], "--consumer and --dead-letters need --from"),
        (["--from", "kafka://h/a", "--dead-letters", "a"], "--dead-letters must name another topic than --from"),
    ],
)
def test_a_bad_call_gets_one_sentence(options: list[str], said: str, stillwatch: Run, tmp_path: Path) -> None:
    port = str(free_port("127.0.0.1"))
    ended = stillwatch("follow", "--open", "--port", port, "--workspace", tmp_path / "workspace", *options)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "sesame" not in ended.stderr
    assert not (tmp_path / "workspace" / "lake").exists()
