"""Inline decisions: what gateways are told in their own protocols."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from features.errors import InputError
from serving import inline
from serving.access.gate import may_read_reasons
from serving.inline import CHECK, GUARDRAIL, Inline, InlineRules, make_rules
from serving.load.body_reader import BodyRules
from tests.serving.conftest import GuardedServer

LEVELS = {"calm": "low", "odd": "review", "bad": "act"}
MakeClient = Callable[..., TestClient]


async def score(request: Request) -> JSONResponse:
    """Answers as the service does; the account `down` has no score, `slow` takes a second."""
    (account,) = (await request.json())["account_ids"]
    if account == "slow":
        await asyncio.sleep(1)
    if account == "broken":
        return JSONResponse({}, 500)
    if account == "long":
        return JSONResponse({"error": "too long"}, 400)
    status = "unavailable" if account == "down" else "scored" if account in LEVELS else "unknown_account"
    assert not may_read_reasons()
    return JSONResponse({"scores": [{"status": status, "level": LEVELS.get(account)}]})


@pytest.fixture
def client() -> MakeClient:
    def make(**rules: Any) -> TestClient:
        app = Starlette(
            routes=[Route("/score", score, methods=["POST"]), Route("/other", lambda _: PlainTextResponse("x"))]
        )
        return TestClient(Inline(app, InlineRules(**rules)))

    return make


def guard(
    client: TestClient, account: str | None, input_type: str = "request", field: str = "user_id"
) -> dict[str, Any]:
    """A call as LiteLLM makes it; it sends all fields, null where they are not known."""
    names = ("hash", "alias", "user_id", "user_email", "team_id", "team_alias", "end_user_id", "org_id")
    about = {f"user_api_key_{name}": None for name in names} | {f"user_api_key_{field}": account}
    body = {
        "texts": ["a secret text"],
        "images": [],
        "request_data": about,
        "input_type": input_type,
        "litellm_call_id": "1",
        "additional_provider_specific_params": {},
    }
    answer = client.post(GUARDRAIL, json=body)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result


@pytest.mark.parametrize(
    ("rules", "blocked"),
    [
        ({}, {"bad"}),
        ({"denied": "review"}, {"odd", "bad"}),
        ({"denied": "never"}, set()),
        ({"on_failure": "deny"}, {"bad", "down", "broken", "slow"}),
    ],
)
def test_requests_are_blocked_from_a_level_on(client: MakeClient, rules: dict[str, Any], blocked: set[str]) -> None:
    asked = client(**rules)
    for account in ("calm", "odd", "bad", "stranger", "long", "down", "broken", "slow"):
        answer = guard(asked, account)
        assert answer["action"] == ("BLOCKED" if account in blocked else "NONE"), account
        assert ("blocked_reason" in answer) == (account in blocked)
        status = asked.get(CHECK, headers={"x-account-id": account}).status_code
        assert (status != 200) == (account in blocked), account


@pytest.mark.parametrize("field", ["end_user_id", "user_id", "team_id"])
def test_the_account_is_found_as_in_logs(client: MakeClient, field: str) -> None:
    assert guard(client(), "bad", field=field)["action"] == "BLOCKED"


def test_answers_and_requests_of_nobody_pass(client: MakeClient) -> None:
    assert guard(client(on_failure="deny"), "bad", input_type="response") == {"action": "NONE"}
    assert guard(client(on_failure="deny"), None) == {"action": "NONE"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [CHECK, f"{CHECK}/v1/chat/completions"])
def test_any_request_that_a_proxy_checks_is_tagged_with_a_level(client: MakeClient, method: str, path: str) -> None:
    asked = client()
    for account, level, status in (("calm", "low", 200), ("bad", "act", 403), ("stranger", "unknown", 200)):
        answer = asked.request(method, path, headers={"x-account-id": account}, content=b"")
        assert (answer.status_code, answer.headers["x-stillwatch-level"]) == (status, level)
    assert asked.request(method, path).headers["x-stillwatch-level"] == "unknown"


def test_a_failure_is_told_from_a_denial(client: MakeClient) -> None:
    answer = client(on_failure="deny").get(CHECK, headers={"x-account-id": "down"})
    assert (answer.status_code, answer.headers["x-stillwatch-level"]) == (503, "unavailable")
    assert client().get(CHECK, headers={"x-account-id": "down"}).status_code == 200


def test_another_header_may_name_the_account(client: MakeClient) -> None:
    asked = client(account_header="x-consumer-id")
    assert asked.get(CHECK, headers={"X-Consumer-ID": "bad"}).status_code == 403
    assert asked.get(CHECK, headers={"x-account-id": "bad"}).status_code == 200
    assert asked.get(CHECK, headers=[("x-consumer-id", "calm"), ("x-consumer-id", "bad")]).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"request_data": 5}', b"[" * 50_000])
def test_a_body_that_is_none_of_the_protocol_gets_400(client: MakeClient, body: bytes) -> None:
    answer = client().post(GUARDRAIL, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "expected a JSON object as LiteLLM's generic guardrail API sends it"


def test_a_body_above_the_limit_gets_413(client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "BODY", BodyRules(most_bytes=1_000))
    assert client().post(GUARDRAIL, content=b" " * 1_001).status_code == 413


def test_other_calls_pass(client: MakeClient) -> None:
    assert client().get("/other").text == "x"
    assert client().get(GUARDRAIL).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("low", "allow", "x-a"), "--inline-deny low: expected review or act or never"),
        (("act", "open", "x-a"), "--inline-failure open: expected allow or deny"),
        (("act", "allow", "x a"), "--account-header 'x a': expected the name of a header"),
    ],
)
def test_rules_that_are_none_get_one_sentence(arguments: tuple[str, str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_rules(*arguments)


def test_the_real_service_answers_gateways_that_have_a_key(guarded: GuardedServer) -> None:
    key = {"authorization": f"Bearer {guarded.plain}"}
    entries = len(list(guarded.audit.entries()))
    body = {"texts": ["x"], "input_type": "request", "request_data": {"user_api_key_user_id": "test_act"}}
    blocked = httpx.post(f"{guarded.url}{GUARDRAIL}", json=body, headers=key, timeout=60)
    assert blocked.json()["action"] == "BLOCKED"
    for account, status in (("test_low", 200), ("test_review", 200), ("test_act", 403)):
        headers = {**key, "x-account-id": account}
        answer = httpx.post(
            f"{guarded.url}{CHECK}/v1/chat/completions", headers=headers, content=json.dumps(body), timeout=60
        )
        assert (answer.status_code, answer.headers["x-stillwatch-level"]) == (status, account.removeprefix("test_"))
    for path in (GUARDRAIL, CHECK, f"{CHECK}/v1"):
        assert httpx.post(f"{guarded.url}{path}", json=body, timeout=60).status_code == 401
    assert len(list(guarded.audit.entries())) == entries
