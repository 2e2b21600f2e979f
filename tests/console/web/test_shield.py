"""Changes need the session's token, and come from our own pages."""

import pytest

from console.web.app import PAGES
from console.web.shield import MOST_FORM_BYTES
from tests.console.conftest import Browser, Open, account_id

PAGE_CHANGES = [
    page.path.replace("{case:int}", "1") for page in PAGES if page.method == "POST" and page.path != "/login"
]


@pytest.mark.parametrize("token", ["", "wrong", None])
def test_no_change_is_made_without_the_token_of_the_session(token: str | None, browse: Open) -> None:
    browser = browse("ada")
    other = browse("lea")
    for path in PAGE_CHANGES:
        fields = {"kind": "account", "item": account_id(1), "title": "x", "account": account_id(1)}
        shown = {} if token is None else {"csrf": token}
        assert browser.client.post(path, data=shown | fields).status_code == 403, path
        assert browser.client.post(path, data={"csrf": other.csrf} | fields).status_code == 403, path


@pytest.mark.parametrize("header", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_page_of_another_site_changes_nothing(header: dict[str, str], browse: Open) -> None:
    browser = browse("ann")
    fields = {"csrf": browser.csrf, "kind": "account", "item": account_id(1)}
    assert browser.client.post("/take", data=fields, headers=header).status_code == 403
    assert browser.client.post("/login", data={"name": "ann"}, headers=header).status_code == 403
    assert browser.client.post("/take", data=fields, headers={"origin": "http://console"}).status_code == 303


def test_a_form_that_is_too_large_or_of_another_kind_is_refused(browse: Open) -> None:
    browser: Browser = browse("ann")
    assert browser.post("/note", account=account_id(1), text="x" * MOST_FORM_BYTES).status_code == 413
    assert browser.client.post("/note", json={"csrf": browser.csrf}).status_code == 403
