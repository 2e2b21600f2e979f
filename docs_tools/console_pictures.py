"""The pictures in docs/console.md and docs/evidence-file.md, of a workspace with a champion, at two widths."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from console.people.users import UserBook
from docs_tools.browsing import browser, running_console, save_picture, sign_in
from docs_tools.documents import DOCS
from pipelines.campaigns.report import ReportRequest, write_report
from pipelines.console.store import console_store
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAME, PASSWORD = "lea", "a password of the pictures"
WIDTHS = {1440: "", 900: "-900"}  # pixels of the window, and what the file's name ends with
DRAWN = 600  # milliseconds until charts and the graph stand still
_HEIGHTS = {"queue": 900, "account": 1150, "campaign": 1250, "case": 1000}


def take_console_pictures(root: Path) -> None:
    """Write the pictures of the console's pages."""
    store = console_store(Workspace(root))
    UserBook(store).add(NAME, "lead", PASSWORD, datetime.now(UTC))
    store.close()
    with running_console(root) as address, browser(address) as (page, _):
        sign_in(page, address, NAME, PASSWORD)
        for name in _walk(page, address):
            for width, suffix in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": _HEIGHTS[name]})
                page.reload()  # charts are drawn to the width that they find
                page.wait_for_timeout(DRAWN)
                save_picture(page, DOCS / f"console-{name}{suffix}.png")


def _walk(page: "Page", address: str) -> Iterator[str]:
    """Show one page after the other, and name each."""
    page.goto(address)
    yield "queue"
    page.get_by_role("link", name=re.compile("^acct_")).nth(1).click()
    page.get_by_text("What drove the risk").wait_for()
    yield "account"
    page.goto(f"{address}?kind=campaigns&sort=volume")
    page.get_by_role("link", name=re.compile("^campaign_")).first.click()
    page.locator("[data-drawn]").wait_for()
    yield "campaign"
    page.goto(f"{address}cases/1")  # the demo's
    if page.get_by_text("assigned to nobody").count():
        _work_case(page)
    yield "case"


def _work_case(page: "Page") -> None:
    """Do what an analyst does first, so that the case has a course."""
    page.get_by_label("Assign to").select_option(NAME)
    page.get_by_role("button", name="Assign").click()
    page.get_by_text(f"assigned to {NAME}").first.wait_for()
    page.get_by_role("button", name="Move").click()
    page.get_by_label("Comment", exact=True).fill("Same frame of prompts in all of them; the first came on the day.")
    page.get_by_role("button", name="Comment").click()
    page.get_by_text("Same frame of prompts").wait_for()
    page.get_by_label("Choose all accounts").check()
    page.get_by_role("radio", name="Confirm").check()
    page.get_by_label("Reason", exact=True).fill("one operator")
    page.get_by_label("Enforcement").select_option("ban")
    page.get_by_role("button", name="Decide").click()
    page.get_by_text("confirmed").first.wait_for()
    account = page.get_by_role("link", name=re.compile("^acct_")).first.inner_text()
    page.get_by_label("Account that appeals").fill(account)
    page.get_by_label("What it says").fill("We are a class of one school.")
    page.get_by_role("button", name="Open appeal").click()
    page.get_by_text("We are a class").first.wait_for()


def take_report_pictures(root: Path, as_of: datetime, out: Path) -> None:
    """Write the pictures of the evidence file of the largest campaign; the file itself is written to `out`."""
    largest = pl.read_parquet(root / "scores.parquet")["campaign_id"].drop_nulls().mode().min()
    request = ReportRequest(
        campaign_id=str(largest),
        as_of=as_of,
        out=out,
        author="A provider",
        reveal=False,
        sources={"requests": root / "world" / "requests"},
    )
    write_report(Workspace(root), request, lambda _step, _done: None, now=as_of)
    address = (out / "report.html").resolve().as_uri()
    for width, suffix in WIDTHS.items():
        with browser(address, width=width, height=1150) as (page, _):
            page.goto(address)
            save_picture(page, DOCS / f"evidence-file{suffix}.png")
