"""A working day in a real browser, against the real application over HTTP."""

import re
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from console.web.app import create_console
from console.web.call import ConsoleParts
from docs_tools.browsing import browser, chromium
from docs_tools.console_pictures import sign_in
from serving.process import free_port
from tests.console.conftest import CAMPAIGN, PASSWORD, account_id

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
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
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
        nameless = page.evaluate(
            "() => [...document.querySelectorAll('input:not([type=hidden]), select, button')].filter(each => "
            "!(each.labels?.length || each.ariaLabel || each.innerText?.trim())).map(each => each.outerHTML)"
        )
        assert (problems, outside, nameless) == ([], [], [])
