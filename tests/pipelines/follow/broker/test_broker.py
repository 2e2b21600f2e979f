"""`stillwatch follow --from` as a process: follower and broker killed under load, and what is left on the disk."""

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from benchmarks.speed.nats_server import NatsServer
from features.events import request_key
from features.identity import Keyring
from features.lake import Lake
from serving.process import free_port
from tests.features.conftest import SECRET
from tests.pipelines.follow.broker.conftest import run
from tests.pipelines.follow.taking.test_bodies import record
from tests.test_canary import found_in

CANARY = "zqxcanary"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"STILLWATCH_KEY": SECRET.hex(), "HOME": str(tmp_path)}


@contextmanager
def following(
    command: list[str], root: Path, server: NatsServer, variables: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A follower that reads the server, and its address; killed at the end if it still runs."""
    port = free_port("127.0.0.1")
    options = ["--port", str(port), "--every", "4", "--store-every", "4", "--workspace", str(root)]
    source = ["--from", f"nats://{server.address}/EVENTS/events.>"]
    with (root.parent / "log").open("ab") as log:
        call = [*command, "follow", "--open", *options, *source]
        process = subprocess.Popen(call, env=variables, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200:
                    break
            assert process.poll() is None, (root.parent / "log").read_text()
            time.sleep(0.1)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Publisher:
    """Publishes messages one after another, each again until the broker has acknowledged it."""

    def __init__(self, server: NatsServer) -> None:
        self.acknowledged: list[str] = []
        self._server = server

    async def publish_until(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            with suppress(Exception):
                await self._publish(is_over)
            await asyncio.sleep(0.05)

    async def _publish(self, is_over: Callable[[], bool]) -> None:
        async with self._server.streams() as streams:
            while not is_over():
                begin, now = len(self.acknowledged), datetime.now(UTC).isoformat()
                records = [record(begin + i, timestamp=now, prompt=f"{CANARY} {begin + i}") for i in range(25)]
                body = "\n".join(map(json.dumps, records)).encode()
                await streams.publish("events.a", body, timeout=1)
                self.acknowledged += [str(each["request_id"]) for each in records]
                await asyncio.sleep(0.01)


def check_away(address: str) -> None:
    """Health and metrics say that the broker is away, and events are taken by HTTP all the same."""
    body = json.dumps(record(0, request_id="by HTTP", timestamp=datetime.now(UTC).isoformat()))
    sent = httpx.post(f"{address}/events", content=body, headers={"content-type": "application/json"})
    assert sent.status_code == 202
    assert httpx.get(f"{address}/readyz").status_code == 503
    assert "stillwatch_broker_connected 0.0" in httpx.get(f"{address}/metrics").text


def in_lake(root: Path) -> pl.Series:
    return Lake(root / "lake").scan("events").select("request_key").collect()["request_key"]


def test_every_acknowledged_message_is_in_the_lake_once_whatever_is_killed_and_its_text_is_nowhere(
    command: list[str], tmp_path: Path, nats_server: NatsServer, variables: dict[str, str]
) -> None:
    root, publisher, rng = tmp_path / "workspace", Publisher(nats_server), random.Random(5)

    async def publish_and_kill(process: subprocess.Popen[bytes]) -> None:
        """Kill the broker, start it again, and kill the follower, while messages are published."""
        publishing = asyncio.create_task(publisher.publish_until(lambda: process.poll() is not None))
        await asyncio.sleep(rng.uniform(0.5, 2))
        await asyncio.to_thread(nats_server.kill)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(nats_server.start)
        await asyncio.sleep(rng.uniform(2, 4))
        process.kill()
        await publishing

    async def prepare() -> None:
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["events.>"])
            await streams.publish("events.a", f'{{"prompt": "{CANARY}", "account_id"'.encode())
            await streams.publish("events.a", json.dumps(record(0, channel=CANARY, prompt=CANARY)).encode())

    with following(command, root, nats_server, variables) as (process, address):
        check_away(address)
        nats_server.start()
        run(prepare())
        run(publish_and_kill(process))
    with following(command, root, nats_server, variables) as (process, address):
        for _ in range(300):
            if len(in_lake(root)) > len(publisher.acknowledged):  # with the one by HTTP
                break
            time.sleep(0.2)
        assert httpx.get(f"{address}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    ids = pl.DataFrame([record(0, request_id=each) for each in sorted(set(publisher.acknowledged))])
    keys = ids.with_columns(system_prompt=pl.lit(None, pl.String)).select(request_key(Keyring(SECRET))).to_series()
    stored = in_lake(root)
    assert stored.is_unique().all()
    assert set(keys) <= set(stored)
    assert len(keys) > 100
    assert found_in(root, (CANARY,)) == []
    said = (tmp_path / "log").read_text() + (root / "follow.log").read_text()
    assert CANARY not in said
    assert said.count("it can't be read and does not come again") <= 2
    assert "is read again" in said


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
