"""The outbox: messages are signed, tried again, and arrive once; labels wait for the workspace."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from console.ports import WebhookTarget
from console.web.call import ConsoleParts
from console.work.outbox import EVENT_ID, FIRST_WAIT, SIGNATURE, Deliverer, count_waiting
from tests.console.conftest import NOW, Browser, account_id

SECRET = b"0123456789abcdef"


class Platform(BaseHTTPRequestHandler):
    """Fails once, then takes what comes."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(503 if len(self.server.received) == 1 else 204)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def platform() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Platform)
    server.received = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def decide(parts: ConsoleParts) -> None:
    fields = {"back": "/account", "campaign": "", "verdict": "clear", "reason": "a class", "action": ""}
    assert Browser(parts, "ann").post("/decide", account=f"0:{account_id(4)}", **fields).status_code == 303


def test_a_message_is_signed_tried_again_and_carries_the_same_id(parts: ConsoleParts, platform: HTTPServer) -> None:
    target = WebhookTarget(f"http://127.0.0.1:{platform.server_port}/hook", SECRET)
    with_webhook = replace(parts, webhook=target)
    decide(with_webhook)
    deliverer = Deliverer(parts.store, parts.sink, target)
    later = NOW + FIRST_WAIT
    assert [deliverer.deliver(NOW), deliverer.deliver(NOW), deliverer.deliver(later)] == [0, 0, 1]
    assert deliverer.deliver(later + timedelta(days=1)) == 0
    (first, body), (second, _) = platform.received  # type: ignore[attr-defined]
    assert first[EVENT_ID] == second[EVENT_ID]
    time, signature = second[SIGNATURE].split(",")
    wanted = hmac.new(SECRET, f"{int(later.timestamp())}.".encode() + body, hashlib.sha256).hexdigest()
    assert (time, signature) == (f"t={int(later.timestamp())}", f"v1={wanted}")
    assert json.loads(body)["accounts"] == [account_id(4)]


def test_labels_wait_while_another_command_holds_the_workspace(parts: ConsoleParts, workspace) -> None:
    with workspace.locked("retrain"):
        decide(parts)
        assert count_waiting(parts.store)["lake"] == 1
        assert workspace.lake.scan("labels").collect().is_empty()
        assert "1 decisions wait" in Browser(parts, "ann").get("/").text
    deliverer = Deliverer(parts.store, parts.sink)
    assert deliverer.deliver(NOW + FIRST_WAIT) == 1
    assert workspace.lake.scan("labels").collect()["label"].to_list() == [False]
    assert count_waiting(parts.store)["lake"] == 0
