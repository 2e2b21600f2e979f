"""Every route and every role; headers; what is vendored."""

import pytest
from starlette.routing import Mount, Route

from console.people.roles import ROLES, Permission, is_allowed
from console.web.app import create_console
from console.web.call import ConsoleParts
from console.web.shield import POLICY
from tests.console.conftest import CAMPAIGN, QUERIES, Open, account_id

NAMES = {"reader": "rita", "analyst": "ann", "lead": "lea", "admin": "ada"}
RANKS = tuple(NAMES)  # each may do all that the one before may
CASE = "/cases/{case:int}"
LEAST_ROLE = {  # who may call what, as docs/console.md says it: a route is added here by hand
    None: {"GET /livez", "GET /login", "POST /login", "GET /sign-on", "GET /sign-on/back"},
    "reader": {
        "POST /logout", "GET /", "GET /find", "GET /account", "GET /alike", "GET /campaign", "GET /campaign/graph",
        "GET /ruled-out", "GET /cases", f"GET {CASE}", "GET /effect/ban", "GET /effect/thresholds",
        "POST /views", "POST /views/delete",
    },
    "analyst": {
        "POST /take", "POST /take-next", "POST /release", "POST /note", "POST /decide", "POST /cases",
        f"POST {CASE}/state", f"POST {CASE}/assign", f"POST {CASE}/comment", f"POST {CASE}/attach",
        f"POST {CASE}/snooze", f"POST {CASE}/escalate", f"POST {CASE}/appeal",
    },
    "lead": {f"POST {CASE}/merge", f"POST {CASE}/close-appeal"},
    "admin": {"GET /users", "POST /users"},
}  # fmt: skip
LEAST = {route: role for role, routes in LEAST_ROLE.items() for route in routes}


def test_every_route_of_the_application_is_in_the_table_of_roles(parts: ConsoleParts) -> None:
    routes = create_console(parts).routes
    methods = {f"{method} {route.path}" for route in routes if isinstance(route, Route) for method in route.methods}
    assert {name for name in methods if not name.startswith("HEAD ")} == set(LEAST)
    assert [route.path for route in routes if not isinstance(route, Route)] == ["/static"]
    assert all(isinstance(route, Route | Mount) for route in routes)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_to_its_routes_and_to_no_other(role: str, browse: Open) -> None:
    browse("lea").post("/cases", account=account_id(1), title="one")
    browser = browse(NAMES[role])
    for route, least in LEAST.items():
        method, _, pattern = route.partition(" ")
        path = pattern.replace("{case:int}", "1")
        if path == "/logout":
            continue  # it would end the session
        answer = browser.get(path, **QUERIES.get(path, {})) if method == "GET" else browser.post(path)
        may_pass = least is None or RANKS.index(role) >= RANKS.index(least)
        assert (answer.status_code == 403) != may_pass, f"{role} {route}: {answer.status_code}"
        assert answer.status_code < 500, f"{role} {route}"


def test_nobody_sees_a_page_or_changes_anything_without_signing_in(browse: Open) -> None:
    browser = browse(None)
    for route, least in LEAST.items():
        method, _, pattern = route.partition(" ")
        path = pattern.replace("{case:int}", "1")
        answer = browser.get(path) if method == "GET" else browser.post(path)
        if least is not None:
            assert answer.status_code == (303 if method == "GET" else 401), path
            assert answer.headers.get("location", "/login").startswith("/login")
            assert method == "POST" or browser.client.head(path).status_code == 303, path


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
