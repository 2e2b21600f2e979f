"""Every route and every role; headers; what is vendored."""

import pytest

from console.people.roles import ROLES, Permission, is_allowed
from console.web.app import PAGES
from console.web.shield import POLICY
from tests.console.conftest import CAMPAIGN, Open, account_id

NAMES = {"reader": "rita", "analyst": "ann", "lead": "lea", "admin": "ada"}
QUERY = {
    "/account": {"id": account_id(1)},
    "/alike": {"account": account_id(1)},
    "/campaign": {"id": CAMPAIGN},
    "/campaign/graph": {"id": CAMPAIGN},
    "/effect/ban": {"campaign": CAMPAIGN},
    "/find": {"q": account_id(1)},
}
ALLOWED = {  # what each role may call, as the documentation says it
    "reader": {Permission.READ},
    "analyst": {Permission.READ, Permission.WORK},
    "lead": {Permission.READ, Permission.WORK, Permission.LEAD},
    "admin": {Permission.READ, Permission.WORK, Permission.LEAD, Permission.ADMIN},
}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_to_its_routes_and_to_no_other(role: str, browse: Open) -> None:
    browse("lea").post("/cases", account=account_id(1), title="one")
    browser = browse(NAMES[role])
    for page in PAGES:
        path = page.path.replace("{case:int}", "1")
        if path == "/logout":
            continue
        answer = browser.get(path, **QUERY.get(path, {})) if page.method == "GET" else browser.post(path)
        is_refused = answer.status_code == 403
        may_pass = page.permission is Permission.ANYBODY or page.permission in ALLOWED[role]
        assert is_refused != may_pass, f"{role} {page.method} {path}: {answer.status_code}"
        assert answer.status_code < 500, f"{role} {page.method} {path}"


def test_nobody_sees_a_page_or_changes_anything_without_signing_in(browse: Open) -> None:
    browser = browse(None)
    for page in PAGES:
        path = page.path.replace("{case:int}", "1")
        answer = browser.get(path) if page.method == "GET" else browser.post(path)
        if page.permission is not Permission.ANYBODY:
            assert answer.status_code == (303 if page.method == "GET" else 401), path
            assert answer.headers.get("location", "/login").startswith("/login")


def test_an_unknown_role_may_do_nothing() -> None:
    assert not any(is_allowed("boss", each) for each in Permission if each is not Permission.ANYBODY)


def test_every_answer_has_the_strict_policy_and_pages_are_not_stored(browse: Open) -> None:
    browser = browse("ann")
    for path in ("/", "/login", "/nothing", "/static/console.js", "/livez"):
        answer = browser.get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY
    assert browser.get("/").headers["cache-control"] == "no-store"


def test_a_stored_script_stays_text_on_every_page(browse: Open) -> None:
    evil, lead = account_id(0), browse("lea")
    lead.post("/note", account=evil, text=evil)
    lead.post("/cases", account=evil, title=evil)
    lead.post("/cases/1/comment", version="1", text=evil)
    lead.post("/views", name=evil, query="")
    pages = [
        lead.get("/"),
        lead.get("/account", id=evil),
        lead.get("/campaign", id=CAMPAIGN),
        lead.get("/cases"),
        lead.get("/cases/1"),
        lead.get("/find", q=evil),
        lead.get("/alike", account=evil),
    ]
    for page in pages:
        assert page.status_code in (200, 303)
        assert "<script>alert" not in page.text
        assert not any(attribute in page.text for attribute in (" onclick=", " onload=", " style=", "<style"))
    assert sum("&lt;script&gt;alert(1)" in page.text for page in pages) == 6


def test_a_view_of_an_account_stands_in_the_audit_log_by_its_pseudonym(browse: Open, parts) -> None:
    browse("ann").get("/account", id=account_id(1))
    entries = list(parts.audit.entries())
    assert entries[-1]["event"] == "account viewed" and entries[-1]["actor"] == "user ann"
    assert entries[-1]["details"] == {"accounts": [parts.audit.pseudonym(account_id(1))]}
    assert account_id(1) not in parts.audit.path.read_text()
