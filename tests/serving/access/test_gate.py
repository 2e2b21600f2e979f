"""The gate: who is let through, and what all others are told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serving.access import gate as gate_module
from serving.access.audit import AuditLog
from serving.access.gate import Gate, WrongTries, caller, note_reasons
from serving.access.keys import KeyFile

START = datetime(2026, 6, 1, 10, tzinfo=UTC)
SCOPE_OF = {"/score": "score", "/explained": "score", "/metrics": "metrics", "/inline/check/": "score"}


class Behind:
    """A server behind a gate, with a clock that the test moves."""

    def __init__(self, folder: Path, is_open: bool = False) -> None:
        async def who(_: Request) -> PlainTextResponse:
            key = caller.get()
            return PlainTextResponse(key.name if key else "nobody")

        pages = Starlette(routes=[Route(path, who) for path in ("/score", "/metrics", "/livez")])

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/explained":
                await note_reasons(self.audit, ["a1"], self.now)
            await pages({**scope, "path": "/score"} if scope["path"] == "/explained" else scope, receive, send)

        self.now = START
        self.keys, self.audit = KeyFile(folder / "keys.json"), AuditLog(folder / "audit.jsonl")
        keys = None if is_open else self.keys
        gate = Gate(app, keys=keys, audit=self.audit, scopes=SCOPE_OF, now=lambda: self.now)
        self.client = TestClient(gate)

    def get(self, path: str, *keys: str) -> tuple[int, str]:
        answer = self.client.get(path, headers=[("Authorization", f"Bearer {key}") for key in keys])
        return answer.status_code, answer.text


@pytest.fixture
def behind(tmp_path: Path) -> Behind:
    return Behind(tmp_path)


def test_a_key_lets_its_owner_through_where_its_scope_is_asked_for(behind: Behind) -> None:
    key, _ = behind.keys.create("gateway", ["score"], START)
    assert behind.get("/score", key) == (200, "gateway")
    status, said = behind.get("/metrics", key)
    assert (status, said) == (403, '{"error": "this key does not open the scope metrics"}')


def test_without_a_key_nothing_but_health_is_answered(behind: Behind) -> None:
    assert behind.get("/livez") == (200, "nobody")
    for path in (*SCOPE_OF, "/inline/check/x"):
        status, said = behind.get(path)
        assert status == 401
        assert "a valid key is needed: Authorization: Bearer KEY" in said


@pytest.mark.parametrize("case", ["revoked", "wrong", "basic", "two"])
def test_what_is_no_valid_key_is_refused_and_noted(behind: Behind, case: str) -> None:
    key, made = behind.keys.create("gateway", ["score"], START)
    if case == "revoked":
        behind.keys.revoke(made.key_id, START)
    shown = {"wrong": [key[:-3]], "two": [key, key]}.get(case, [key])
    answer = behind.client.get(
        "/score",
        headers=[("Authorization", f"{'Basic' if case == 'basic' else 'Bearer'} {each}") for each in shown],
    )
    assert answer.status_code == 401
    (entry,) = behind.audit.entries()
    assert (entry["event"], entry["details"]) == ("wrong key", {"path": "/score"})
    assert key not in behind.audit.path.read_text()


def test_keys_that_can_not_be_read_let_nobody_through(behind: Behind) -> None:
    key, _ = behind.keys.create("gateway", ["score"], START)
    behind.keys.path.write_text("{")
    assert behind.get("/score", key) == (503, '{"error": "access keys can\'t be read"}')


def test_what_follows_a_named_path_is_noted_nowhere(behind: Behind) -> None:
    assert behind.get("/inline/check/v1/users/canary", "sw_wrong")[0] == 401
    assert behind.get("/inline/check/canary", behind.keys.create("m", ["metrics"], START)[0])[0] == 403
    assert [entry["details"] for entry in behind.audit.entries()] == [
        {"path": "/inline/check/"},
        {"path": "/inline/check/", "scope": "score"},
    ]


def test_a_log_that_can_not_be_written_still_refuses_and_is_counted(behind: Behind) -> None:
    behind.audit.path.mkdir()
    assert behind.get("/score", "sw_wrong")[0] == 401
    assert behind.get("/score", behind.keys.create("m", ["metrics"], START)[0])[0] == 403
    assert behind.audit.failures == 2


def test_reasons_that_nobody_can_note_are_a_503_with_a_sentence(behind: Behind) -> None:
    key, _ = behind.keys.create("analyst", ["score", "reasons"], START)
    assert behind.get("/explained", key) == (200, "analyst")
    (entry,) = behind.audit.entries()
    assert (entry["event"], entry["details"]) == ("reasons read", {"accounts": [behind.audit.pseudonym("a1")]})
    behind.audit.path.write_text("no chain\n")
    status, said = behind.get("/explained", key)
    assert status == 503 and "the audit log can't be written" in said


def test_an_open_server_lets_everybody_through(tmp_path: Path) -> None:
    assert Behind(tmp_path, is_open=True).get("/score") == (200, "nobody")


def test_after_too_many_wrong_keys_an_address_has_to_wait_even_with_a_right_one(behind: Behind) -> None:
    key, _ = behind.keys.create("gateway", ["score"], START)
    for _ in range(gate_module.WRONG_TRIES):
        assert behind.get("/score", "sw_wrong")[0] == 401
    answer = behind.client.get("/score", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "61")
    behind.now += timedelta(seconds=gate_module.TRY_SECONDS + 1)
    assert behind.get("/score", key)[0] == 200


def test_calls_without_a_key_are_no_tries(behind: Behind) -> None:
    key, _ = behind.keys.create("gateway", ["score"], START)
    for _ in range(gate_module.WRONG_TRIES + 5):
        assert behind.get("/score")[0] == 401
    assert behind.get("/score", key)[0] == 200


def test_the_memory_of_wrong_tries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_MOST_ADDRESSES", 100)
    tries = WrongTries()
    for number in range(1_000):
        tries.add(f"10.0.0.{number}", number)
    assert len(tries._times) == 100
