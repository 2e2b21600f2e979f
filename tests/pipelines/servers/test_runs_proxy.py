"""The gate and the proxy before pages that know nobody: who gets through, and that calls and answers pass unchanged."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipelines.servers import key_sessions
from pipelines.servers.key_sessions import COOKIE, SESSION_SECONDS, KeySessions
from pipelines.servers.runs_proxy import ReverseProxy, guarded_pages
from serving.access.audit import AuditLog
from serving.access.keys import KeyFile

PAGE = {"accept": "text/html"}
NOW = datetime.now(UTC)


async def echo(request: Request) -> Response:
    body = (await request.body()).decode()
    headers = {name: value for name, value in request.headers.items() if name in ("authorization", "cookie", "x-a")}
    seen = {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.url.query,
        "body": body,
        "headers": headers,
    }
    answer = JSONResponse(seen, 207, {"x-b": "b", "connection": "close"})
    answer.set_cookie("c", "1")
    answer.set_cookie("d", "2")
    return answer


async def stream(_: Request) -> Response:
    async def parts() -> Any:
        for number in range(3):
            yield f"{number} "

    return StreamingResponse(parts())


BEHIND = Starlette(routes=[Route("/stream", stream), Route("/{path:path}", echo, methods=["GET", "POST", "DELETE"])])


class Guarded:
    """Pages behind a gate, and a caller that keeps cookies as a browser does."""

    def __init__(self, folder: Path) -> None:
        self.keys, self.audit = KeyFile(folder / "keys.json"), AuditLog(folder / "audit.jsonl")
        self.admin, self.made = self.keys.create("admin", ["admin"], NOW)
        self.plain, _ = self.keys.create("plain", ["score", "metrics"], NOW)
        app = guarded_pages(ReverseProxy(httpx.ASGITransport(BEHIND)), self.keys, self.audit, is_secure=False)
        self.transport = httpx.ASGITransport(app)

    def run(self, calls: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        async def all_calls() -> None:
            async with httpx.AsyncClient(transport=self.transport, base_url="http://runs") as client:
                await calls(client)

        asyncio.run(all_calls())


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


def test_calls_and_answers_pass_unchanged_without_the_key(guarded: Guarded) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        headers = {"authorization": f"Bearer {guarded.admin}", "x-a": "a", "cookie": "secret=1"}
        answer = await client.post("/api/a%2Fb?q=1&r=%20", content=b"body", headers=headers)
        assert (answer.status_code, answer.headers["x-b"]) == (207, "b")
        assert answer.headers.get_list("set-cookie") == ["c=1; Path=/; SameSite=lax", "d=2; Path=/; SameSite=lax"]
        assert answer.json() == {
            "method": "POST",
            "path": "/api/a%2Fb",
            "query": "q=1&r=%20",
            "body": "body",
            "headers": {"x-a": "a"},
        }
        assert (await client.delete("/x", headers=headers)).json()["method"] == "DELETE"
        assert (await client.get("/stream", headers=headers)).text == "0 1 2 "

    guarded.run(calls)


def test_nobody_gets_through_without_a_key_of_the_scope_admin(guarded: Guarded) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        for path in ("/", "/health", "/api/2.0/mlflow/runs/delete", "//", "/login/x", "/static/a.js"):
            assert (await client.post(path)).status_code == 401
            shown = {"authorization": f"Bearer {guarded.plain}"}
            assert (await client.post(path, headers=shown)).status_code == 403
        assert (await client.get("/", cookies={COOKIE: "made-up"})).status_code == 401

    guarded.run(calls)


def test_a_browser_shows_its_key_once_and_a_revoked_key_ends_the_session(guarded: Guarded) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        sent = await client.get("/", headers=PAGE)
        assert (sent.status_code, sent.headers["location"]) == (303, "/login")
        form = await client.get("/login")
        assert (form.status_code, 'type="password"' in form.text) == (200, True)
        assert "frame-ancestors 'none'" in form.headers["content-security-policy"]
        entered = await client.post("/login", data={"key": f" {guarded.admin} "})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and guarded.admin.lower() not in cookie
        seen = await client.get("/page", headers=PAGE)
        assert (seen.status_code, seen.json()["headers"]) == (207, {})
        guarded.keys.revoke(guarded.made.key_id, datetime.now(UTC))
        assert (await client.get("/page", headers=PAGE)).status_code == 303
        assert (await client.get("/page")).status_code == 401

    guarded.run(calls)


def test_signing_out_ends_the_session_for_whoever_copied_the_cookie(guarded: Guarded) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        await client.post("/login", data={"key": guarded.admin})
        copied = client.cookies[COOKIE]
        assert (await client.get("/page")).status_code == 207
        assert (await client.get("/logout")).headers["location"] == "/login"
        assert (await client.get("/page", cookies={COOKIE: copied})).status_code == 401

    guarded.run(calls)


@pytest.mark.parametrize("content", [b"key=sw_wrong", b"", b"key=a&key=b", b"key=" + b"a" * 9_000, b"key=%ff%0d%0aa"])
def test_a_form_without_a_right_key_opens_no_session(guarded: Guarded, content: bytes) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/login", content=content, headers=headers)).status_code == 401
        assert COOKIE not in client.cookies

    guarded.run(calls)


def test_guesses_at_the_form_have_to_wait(guarded: Guarded) -> None:
    async def calls(client: httpx.AsyncClient) -> None:
        codes = [(await client.post("/login", data={"key": "sw_wrong"})).status_code for _ in range(11)]
        assert codes == [401] * 10 + [429]

    guarded.run(calls)
    assert len([*guarded.audit.entries()]) == 10


def test_a_session_ends_by_itself_and_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    sessions = KeySessions(is_secure=True, now=lambda: clock[0])
    first = sessions.open("key")
    clock[0] = SESSION_SECONDS - 1
    assert sessions.key_of(first) == "key"
    clock[0] = SESSION_SECONDS
    assert sessions.key_of(first) is None
    monkeypatch.setattr(key_sessions, "_MOST_SESSIONS", 10)
    names = [sessions.open(str(number)) for number in range(30)]
    assert [sessions.key_of(name) for name in names] == [None] * 20 + [str(number) for number in range(20, 30)]


def test_a_server_that_is_gone_is_a_502() -> None:
    async def call() -> int:
        proxy = ReverseProxy(httpx.AsyncHTTPTransport(uds="/nowhere"))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(proxy), base_url="http://runs") as client:
            return (await client.get("/")).status_code

    assert asyncio.run(call()) == 502
