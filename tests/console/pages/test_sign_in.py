"""Signing in: a new token each time, cookies that scripts can't read, no way to elsewhere."""

from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from console.pages.sign_in import own_path
from console.people.logins import IDLE, LONGEST_SESSION
from console.people.users import MOST_WRONG, WAIT
from console.web.app import create_console
from console.web.call import ConsoleParts
from console.web.shield import COOKIE_NAME
from tests.console.conftest import NOW, PASSWORD


def client(parts: ConsoleParts) -> TestClient:
    return TestClient(create_console(parts), base_url="http://console", follow_redirects=False)


def log_in(browser: TestClient, password: str = PASSWORD, name: str = "ann"):
    return browser.post("/login", data={"name": name, "password": password, "next": "/cases"})


def test_a_token_that_was_planted_before_signing_in_opens_nothing_after(parts: ConsoleParts) -> None:
    browser = client(parts)
    browser.cookies.set(COOKIE_NAME, "planted", domain="console.local")
    answer = log_in(browser)
    assert answer.status_code == 303 and answer.headers["location"] == "/cases"
    fresh = answer.cookies[COOKIE_NAME]
    assert fresh != "planted"
    assert parts.logins.visitor("planted", NOW) is None
    assert parts.logins.visitor(fresh, NOW) is not None


def test_signing_in_again_ends_the_session_before_and_signing_out_ends_the_last(parts: ConsoleParts) -> None:
    first = log_in(client(parts)).cookies[COOKIE_NAME]
    browser = client(parts)
    browser.cookies.set(COOKIE_NAME, first)
    visitor = parts.logins.visitor(first, NOW)
    assert visitor is not None
    browser.post("/logout", data={"csrf": visitor.csrf})
    assert parts.logins.visitor(first, NOW) is None


def test_the_cookie_is_for_this_server_only_and_no_script_reads_it(parts: ConsoleParts) -> None:
    plain = log_in(client(parts)).headers["set-cookie"].lower()
    assert "httponly" in plain and "samesite=lax" in plain and "secure" not in plain
    assert "secure" in log_in(client(replace(parts, is_secure=True))).headers["set-cookie"].lower()


def test_a_session_ends_after_idleness_a_day_or_when_the_user_is_disabled(parts: ConsoleParts) -> None:
    token = log_in(client(parts)).cookies[COOKIE_NAME]
    assert parts.logins.visitor(token, NOW + IDLE) is None
    for hour in range(1, 12):
        assert parts.logins.visitor(token, NOW + timedelta(hours=hour)) is not None
    assert parts.logins.visitor(token, NOW + LONGEST_SESSION) is None
    parts.users.set_active("ann", is_active=False)
    assert parts.logins.visitor(token, NOW) is None
    assert log_in(client(parts)).status_code == 401


def test_after_some_wrong_passwords_the_right_one_waits_too(parts: ConsoleParts) -> None:
    browser = client(parts)
    assert {log_in(browser, "wrong wrong wrong").status_code for _ in range(MOST_WRONG)} == {401}
    assert log_in(browser).status_code == 401
    later = replace(parts, clock=lambda: NOW + WAIT)
    assert log_in(client(later)).status_code == 303
    assert "wrong wrong" not in parts.audit.path.read_text()


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\nb"]
)
def test_the_way_back_never_leads_elsewhere(path: str) -> None:
    assert own_path(path) == "/"
    assert own_path("/account?id=a") == "/account?id=a"
