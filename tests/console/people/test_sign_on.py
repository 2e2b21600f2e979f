"""Single sign-on against a provider over real HTTP: only the browser that went comes back, and only known users."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.testclient import TestClient

from console.pages.sign_in import TRY_COOKIE
from console.people.sign_on import LONGEST_TRY, SingleSignOn
from console.ports import SignOn
from console.web.app import create_console
from console.web.call import ConsoleParts
from console.web.shield import COOKIE_NAME
from tests.console.conftest import NOW

KEY = rsa.generate_private_key(65537, 2048)
BACK = "http://console/sign-on/back"


class Provider(BaseHTTPRequestHandler):
    """Vouches for whom the test says; `claims` of the server change the token."""

    def do_GET(self) -> None:
        issuer = self.server.issuer  # type: ignore[attr-defined]
        endpoints = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        if self.path == "/keys":
            key = json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))
            self._answer({"keys": [key | {"kid": "k", "use": "sig", "alg": "RS256"}]})
        else:
            self._answer({"issuer": issuer} | {name: issuer + path for name, path in endpoints.items()})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        server = self.server
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert challenge == server.asked["code_challenge"] and form["code"] == ["the code"]  # type: ignore[attr-defined]
        assert base64.b64decode(self.headers["authorization"].split()[1]) == b"console:hidden"
        now = datetime.now(UTC)
        claims = {
            "iss": server.issuer, "aud": "console", "sub": "1", "iat": now, "exp": now + timedelta(minutes=5),  # type: ignore[attr-defined]
            "nonce": server.asked["nonce"], "preferred_username": "ann",  # type: ignore[attr-defined]
        }  # fmt: skip
        token = jwt.encode(claims | server.claims, server.key, "RS256", headers={"kid": "k"})  # type: ignore[attr-defined]
        self._answer({"id_token": token, "access_token": "x", "token_type": "Bearer"})

    def _answer(self, body: object) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def provider() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Provider)
    server.issuer, server.claims, server.key = f"http://127.0.0.1:{server.server_port}", {}, KEY  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def with_provider(parts: ConsoleParts, provider) -> ConsoleParts:
    settings = SignOn(provider.issuer, "console", "hidden", BACK)
    return replace(parts, sign_on=SingleSignOn(settings, parts.store))


def go(parts: ConsoleParts, provider) -> tuple[TestClient, str]:
    """Go to the provider; give the browser and the state."""
    browser = TestClient(create_console(parts), base_url="http://console", follow_redirects=False)
    address = browser.get("/sign-on", params={"next": "/cases"}).headers["location"]
    provider.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(provider.issuer) and provider.asked["redirect_uri"] == BACK
    return browser, provider.asked["state"]


def come_back(browser: TestClient, state: str):
    return browser.get("/sign-on/back", params={"state": state, "code": "the code"})


def test_a_known_user_comes_back_signed_in_and_only_once(with_provider: ConsoleParts, provider) -> None:
    browser, state = go(with_provider, provider)
    back = come_back(browser, state)
    assert back.status_code == 303 and back.headers["location"] == "/cases"
    visitor = with_provider.logins.visitor(back.cookies[COOKIE_NAME], NOW)
    assert visitor is not None and visitor.user.name == "ann"
    browser.cookies.set(TRY_COOKIE, state, path="/sign-on")
    assert come_back(browser, state).status_code == 400


def test_another_browser_does_not_finish_the_try_and_a_late_one_neither(with_provider: ConsoleParts, provider) -> None:
    _, state = go(with_provider, provider)
    stranger, _ = go(with_provider, provider)
    assert come_back(stranger, state).status_code == 400
    late = replace(with_provider, clock=lambda: NOW + LONGEST_TRY + timedelta(seconds=1))
    browser, state = go(with_provider, provider)
    waiting = TestClient(create_console(late), base_url="http://console", follow_redirects=False)
    waiting.cookies = browser.cookies
    assert come_back(waiting, state).status_code == 400


@pytest.mark.parametrize(
    "claims",
    [{"aud": "other"}, {"iss": "http://evil.example"}, {"nonce": "old"}, {"exp": 1}, {"preferred_username": "mallory"}],
)
def test_a_token_that_is_not_of_this_try_or_names_nobody_here_opens_nothing(
    claims: dict[str, object], with_provider: ConsoleParts, provider
) -> None:
    provider.claims = claims
    assert come_back(*go(with_provider, provider)).status_code == 400


def test_a_token_of_another_key_opens_nothing(with_provider: ConsoleParts, provider) -> None:
    provider.key = rsa.generate_private_key(65537, 2048)
    assert come_back(*go(with_provider, provider)).status_code == 400


def test_without_a_provider_there_is_no_such_page(parts: ConsoleParts) -> None:
    browser = TestClient(create_console(parts), base_url="http://console")
    assert browser.get("/sign-on").status_code == 404
