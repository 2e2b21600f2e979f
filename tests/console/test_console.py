"""Pages in a real browser, against the real application over HTTP."""

import re
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import uvicorn

from console.people.roles import Permission
from console.web.app import PAGES, create_console
from console.web.call import ConsoleParts
from docs_tools.browsing import browser, chromium, collect_script_errors, sign_in
from serving.process import free_port
from tests.accessibility import list_barriers
from tests.console.conftest import CAMPAIGN, PASSWORD, QUERIES, Open, account_id

NO_PAGES = ("/find", "/campaign/graph")  # a way to another page, and data for a script
SHOWN = [
    f"{page.path[1:].replace('{case:int}', '1')}?{urlencode(QUERIES.get(page.path, {}))}"
    for page in PAGES
    if page.method == "GET" and page.permission is not Permission.ANYBODY and page.path not in NO_PAGES
] + ["?kind=campaigns&level=all", "account?id=nobody"]

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium")


@pytest.fixture
def served(parts: ConsoleParts) -> Iterator[str]:
    port = free_port("127.0.0.1")
    server = uvicorn.Server(uvicorn.Config(create_console(parts), port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


def test_a_day_with_the_keyboard_and_the_graph_without_a_script_error_or_another_host(
    served: str, workspace, tmp_path
) -> None:
    with browser(served, width=1440) as (page, outside):
        errors = collect_script_errors(page)
        sign_in(page, served, "lea", PASSWORD)
        page.get_by_label("Rank by").select_option("volume")
        page.wait_for_url(re.compile("sort=volume"))
        page.wait_for_load_state()
        page.keyboard.press("n")
        page.get_by_text("yours for 30 minutes").wait_for()
        page.wait_for_load_state()  # the keys are there once the script has run
        page.keyboard.press("c")
        page.keyboard.type("a template")
        page.keyboard.press("Enter")
        page.get_by_text("confirmed").first.wait_for()
        assert workspace.lake.scan("labels").collect()["label"].to_list() == [True]
        page.goto(f"{served}campaign?id={CAMPAIGN}")
        page.locator("[data-drawn='5']").wait_for()
        assert page.locator(".uplot").count() == 2
        page.get_by_label("Choose all members").check()
        page.get_by_label("Confirm").check()
        page.get_by_label("Reason").fill("one operator")
        page.get_by_label("Enforcement").select_option("ban")
        page.get_by_role("button", name="Decide").click()
        page.get_by_text("confirmed").first.wait_for()
        assert set(workspace.lake.scan("enforcement").collect()["account_id"]) == {account_id(n) for n in range(3)}
    assert (errors, outside) == ([], [])


@pytest.mark.parametrize("width", [1440, pytest.param(900, marks=pytest.mark.slow)])
def test_no_page_has_a_serious_barrier_for_anybody(served: str, browse: Open, width: int) -> None:
    lead = browse("lea")
    lead.post("/cases", campaign=CAMPAIGN, title="one template")
    subject = {"account": f"0:{account_id(1)}", "verdict": "confirm", "reason": "seen", "campaign": "", "action": ""}
    assert lead.post("/decide", back="/case", case="1", **subject).status_code == 303
    assert lead.post("/cases/1/appeal", account=account_id(1), text="we are a school").status_code == 303
    lead.post("/note", account=account_id(1), text="seen before")
    with browser(served, width=width) as (page, outside):
        page.goto(f"{served}login")
        barriers = list_barriers(page)
        sign_in(page, served, "ada", PASSWORD)
        page.get_by_label("Name of the view").fill("mine")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="mine", exact=True).wait_for()
        page.keyboard.press("j")  # a row is selected
        barriers += list_barriers(page)
        for path in SHOWN:
            page.goto(f"{served}{path}")
            page.locator("main").wait_for()
            if "campaign?" in path:
                page.locator("[data-drawn]").wait_for()
            barriers += list_barriers(page)
        assert (barriers, outside) == ([], [])
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        assert [each for each in list_barriers(page) if " button-name: " in each]
