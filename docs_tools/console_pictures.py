"""`python -m docs_tools console`: the pictures in docs/console.md, taken in a real browser at two widths."""

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from console.people.users import UserBook
from docs_tools.browsing import browser, chromium, running_console
from docs_tools.documents import DOCS
from pipelines.commands.demo import run_demo
from pipelines.console.store import console_store
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAME, PASSWORD = "lea", "a password of the pictures"
WIDE, NARROW = 1440, 900
_HEIGHTS = {"queue": 900, "account": 1150, "campaign": 1250, "case": 800}


def main() -> int:
    """Write the pictures of a demo's workspace."""
    if chromium() is None:
        print("console: there is no Chromium on the PATH; .ci/servers installs it", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        root = Path(scratch) / "demo"
        run_demo(root, now=NOW, seed=0, progress=lambda step, done: print(step) if done == 0 else None)
        take_pictures(root)
    return 0


def take_pictures(root: Path) -> None:
    """Write the pictures of a workspace with a champion."""
    store = console_store(Workspace(root))
    UserBook(store).add(NAME, "lead", PASSWORD, datetime.now(UTC))
    store.close()
    with running_console(root) as address:
        for width, suffix in ((WIDE, ""), (NARROW, "-900")):
            with browser(address, width=width) as (page, _):
                sign_in(page, address, NAME, PASSWORD)
                for name in _walk(page, address):
                    page.set_viewport_size({"width": width, "height": _HEIGHTS[name]})
                    page.wait_for_timeout(600)
                    _save(page, DOCS / f"console-{name}{suffix}.png")


def sign_in(page: "Page", address: str, name: str, password: str) -> None:
    """Sign in, and wait for the queue."""
    page.goto(f"{address}login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("table").first.wait_for()


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
    if page.get_by_role("link", name=re.compile("^#1 ")).count():
        page.goto(f"{address}cases/1")
    else:
        page.get_by_label("Title of a new case").fill("One template, new accounts after the release")
        page.get_by_role("button", name="Open case").click()
        page.get_by_label("Comment", exact=True).fill(
            "Same frame of prompts in all of them; the first came on the day."
        )
        page.get_by_role("button", name="Comment").click()
    page.get_by_text("Everything that happened").wait_for()
    yield "case"


def _save(page: "Page", path: Path) -> None:
    """Save with few colours: the pages have few, and a picture stays small."""
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(128).save(path, optimize=True)
