"""`stillwatch follow` as a process: ended, and beside other commands. `broker/test_broker.py` kills it under load."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from features.events import request_key
from features.identity import Keyring
from features.lake import Lake
from features.store.lookup import FeatureLookup
from pipelines.follow.follower_state import read_state
from pipelines.follow.grouping_process import LONGEST_PAUSE
from pipelines.follow.run import Following, FollowRequest
from pipelines.workspace import Workspace
from serving.process import free_port
from tests.features.conftest import SECRET
from tests.pipelines.follow.taking.test_bodies import record

Environment = dict[str, str]
PAUSE = 0.05  # seconds between two bodies: without it the follower's work is most of what these tests take


@pytest.fixture
def variables(tmp_path: Path) -> Environment:
    return os.environ | {"STILLWATCH_KEY": SECRET.hex(), "HOME": str(tmp_path)}


@contextmanager
def following(
    command: list[str], root: Path, variables: Environment, *more: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A follower that answers, and its address; killed at the end if it still runs."""
    port = free_port("127.0.0.1")
    options = ["--port", str(port), "--every", "0.5", "--store-every", "1", "--workspace", str(root), *more]
    with (root.parent / "log").open("ab") as log:
        process = subprocess.Popen([*command, "follow", "--open", *options], env=variables, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client() as client:  # one, as it reads all certificates when it is made
            for _ in range(600):
                with suppress(httpx.HTTPError):
                    if client.get(f"{address}/readyz").status_code == 200:
                        break
                assert process.poll() is None, (root.parent / "log").read_text()
                time.sleep(0.1)
        yield process, address
    finally:
        process.kill()
        process.wait()


class Sender:
    """Sends bodies one after another, each twice if it was not acknowledged; remembers what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self._number = 0

    def send_until(self, address: str, is_over: Callable[[], bool]) -> None:
        """Send until it is over or the server is gone."""
        with httpx.Client(headers={"content-type": "application/json"}) as client:
            while not is_over():
                now = datetime.now(UTC).isoformat()
                records = [record(self._number + i, timestamp=now) for i in range(25)]
                self._number += 20  # so that some are sent again
                try:
                    answer = client.post(f"{address}/events", content="\n".join(map(json.dumps, records)))
                except httpx.HTTPError:
                    return
                assert answer.status_code == 202, answer.text
                self.acknowledged += [each["request_id"] for each in records]
                time.sleep(PAUSE)


def keys_of(request_ids: set[str]) -> list[int]:
    rows = pl.DataFrame([record(0, request_id=request_id) for request_id in sorted(request_ids)]).with_columns(
        system_prompt=pl.lit(None, pl.String)
    )
    return sorted(rows.select(request_key(Keyring(SECRET))).to_series())


def test_an_event_is_online_at_once_and_a_follower_that_is_told_to_end_stores_all(
    command: list[str], tmp_path: Path, variables: Environment
) -> None:
    root, sender = tmp_path / "workspace", Sender()
    with following(command, root, variables) as (process, address):
        begin = datetime.now(UTC)
        sender.send_until(address, lambda: len(sender.acknowledged) > 100)
        second = subprocess.run(
            [*command, "follow", "--open", "--port", str(free_port("127.0.0.1")), "--workspace", str(root)],
            env=variables, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert second.returncode == 2
        assert "another `stillwatch follow` runs on" in second.stderr
        lookup = FeatureLookup(root / "features")
        for _ in range(100):
            times = lookup.online(["a0", "a1", "a2"]).as_of
            if all(time is not None and time > begin for time in times):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"not online after ten seconds: {times}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    stored = Lake(root / "lake").scan("events").select("request_key").collect()["request_key"]
    assert sorted(stored) == keys_of(set(sender.acknowledged))


def test_a_grouping_that_fails_is_counted_said_once_and_not_begun_again_at_the_next_turn(
    new_workspace: Callable[[], Workspace],
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    workspace = new_workspace()
    workspace.lake.append("events", [world.events], 1)
    workspace.lake.roll_up(1)
    following = Following(workspace, FollowRequest("127.0.0.1", 0))
    following._follower.recover()
    monkeypatch.setattr(sys, "executable", shutil.which("false"))  # the process that groups fails at once
    failures = []
    for is_pause_over in (False, False, False, True, False):
        if is_pause_over:
            following._schedule.end(time.monotonic() - LONGEST_PAUSE, has_failed=True)
        following._turn()
        if following._grouping is not None:
            following._grouping._process.wait(60)
        failures.append(read_state(workspace.root).grouping_failures)
    assert failures == [0, 1, 1, 1, 2]
    said = [entry.getMessage() for entry in caplog.records if entry.name == "stillwatch.follow"]
    assert said == ["accounts could not be grouped (StillwatchError): it said nothing"]
