"""The web process: its side of the journal, and what a real follower says of itself over HTTPS."""

import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.tables.journal import Journal, JournalReader
from pipelines.follow import web
from pipelines.follow.web import BehindError, JournalWriter
from serving.process import free_port
from tests.deployed_metrics import metrics_of
from tests.features.conftest import SECRET
from tests.pipelines.follow.taking.test_bodies import record
from tests.serving.certificates import Authority, make_authority


def writer(folder: Path, store_seconds: float = 3_600) -> JournalWriter:
    return JournalWriter(Journal(folder, is_synced=False), JournalReader(folder), store_seconds)


def test_no_more_events_are_taken_while_too_many_wait_for_the_lake(
    tmp_path: Path, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_LOOK_SECONDS", 0.0)
    taking = writer(tmp_path)
    taking.accept(world.events[:100])
    monkeypatch.setattr(web, "MOST_WAITING", 1_000)
    with pytest.raises(BehindError, match="too many events wait to be stored: send these again later"):
        taking.accept(world.events[100:])
    reader = JournalReader(tmp_path)
    taking.journal.close_segment()
    assert sum(map(len, reader.new())) == 100
    reader.remove(reader.closed()[0])
    taking.accept(world.events[100:])
    assert sum(map(len, reader.new())) == len(world.events) - 100


def test_a_segment_is_closed_when_it_is_old_enough(tmp_path: Path, world: Any) -> None:
    taking = writer(tmp_path, store_seconds=0.0)
    for begin in (0, 50, 100):
        taking.accept(world.events[begin : begin + 50])
    assert len(JournalReader(tmp_path).closed()) == 2
    taking.close_old()
    assert len(JournalReader(tmp_path).closed()) == 3


@dataclass
class SecureFollower:
    """A follower that asks for certificates and logs JSON at level info."""

    url: str
    root: Path
    log: Path
    authority: Authority

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        context.load_cert_chain(*self.authority.issue("sender"))
        return httpx.Client(verify=context, base_url=self.url, timeout=60)

    def lines(self) -> list[dict[str, Any]]:
        texts = (path.read_text() for path in (self.log, self.root / "follow.log"))
        return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.fixture
def secure(command: list[str], tmp_path: Path) -> Iterator[SecureFollower]:
    port, authority = free_port("127.0.0.1"), make_authority(tmp_path / "authority")
    certificate, key = authority.issue("server")
    files = ["--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority.certificate]
    options = ["--port", port, "--every", "0.5", "--workspace", tmp_path / "workspace", *files]
    own = {"STILLWATCH_KEY": SECRET.hex(), "STILLWATCH_LOG_FORMAT": "json", "STILLWATCH_LOG_LEVEL": "info"}
    follower = SecureFollower(f"https://127.0.0.1:{port}", tmp_path / "workspace", tmp_path / "log", authority)
    with follower.log.open("ab") as log:
        call = [*command, "follow", "--open", *map(str, options)]
        process = subprocess.Popen(call, env=os.environ | own, stdout=log, stderr=log)
    try:
        with follower.client() as client:
            for _ in range(600):
                with suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        break
                assert process.poll() is None, follower.log.read_text()
                time.sleep(0.1)
        yield follower
    finally:
        process.terminate()
        process.wait(60)


def test_over_https_events_are_taken_of_senders_with_a_certificate_and_counted_and_nothing_of_them_is_logged(
    secure: SecureFollower,
) -> None:
    sent = [
        record(number, timestamp=datetime.now(UTC).isoformat(), prompt="canary words", account_id=f"canary-{number}")
        for number in range(3)
    ]
    body = "\n".join(map(json.dumps, [*sent, record(9, channel="canary")]))
    headers = {"content-type": "application/json", "x-request-id": "r-1"}
    with secure.client() as client:
        answer = client.post("/events", content=body, headers=headers)
        assert (answer.status_code, answer.json()["taken"], answer.headers["x-request-id"]) == (202, 3, "r-1")
        client.post("/events?format=canary", content="{canary", headers=headers)
        for _ in range(100):
            text = client.get("/metrics").text
            if "stillwatch_follow_accounts_total 3.0" in text and "stillwatch_follow_lag_seconds 0.0" in text:
                break
            time.sleep(0.1)
    for line in (
        'stillwatch_events_total{outcome="taken"} 3.0',
        'stillwatch_events_total{outcome="rejected"} 1.0',
        "stillwatch_follow_lag_seconds 0.0",
        "stillwatch_follow_waiting_events 3.0",
        'stillwatch_http_requests_total{code="202",route="/events"} 1.0',
    ):
        assert line in text.splitlines()
    shown = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    assert metrics_of("follow") - shown == set()
    trusting = ssl.create_default_context(cafile=secure.authority.certificate)
    with pytest.raises(httpx.TransportError, match=r"certificate required|disconnected|reset"):
        httpx.get(f"{secure.url}/livez", verify=trusting, timeout=60)
    lines = secure.lines()
    assert ("POST /events 202", "r-1") in [(line["message"], line["request_id"]) for line in lines]
    assert "canary" not in json.dumps(lines)
