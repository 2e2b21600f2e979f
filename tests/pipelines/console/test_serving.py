"""A working day in one workspace: the console, the commands and MLflow as they are installed, in a real browser."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs_tools.browsing import (
    browser,
    chromium,
    collect_script_errors,
    open_comparison,
    open_runs,
    running_console,
    shown,
    sign_in,
)
from pipelines.workspace import Workspace
from tests.accessibility import list_barriers
from tests.conftest import environment

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium"),
]
PASSWORD = "correct horse battery"
VERDICTS = {"c": "confirmed", "x": "cleared", "m": "monitored"}  # by key
HEADLINES = ("pr_auc", "recall_at_fpr_0.01", "ece", "precision_top_10")  # which a small test set carries
OF_MLFLOW = "ResizeObserver loop"  # its own page fails at this, harmlessly
SECOND = re.compile("^version 2, as of ")
PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Desk:
    """A workspace in which somebody works, and the commands of its machine."""

    workspace: Workspace
    home: Path
    command: list[str]
    key: str

    def run(self, *arguments: object, typed: str = "", statuses: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end, which one of some exit statuses tells; gives what it printed."""
        call = [*self.command, *map(str, arguments), "--workspace", str(self.workspace.root)]
        own, end = environment(self.home, self.key), time.monotonic() + PATIENCE
        while True:  # the console holds the workspace while it reads a new build
            done = subprocess.run(call, input=typed, capture_output=True, text=True, env=own, check=False)
            if "wait for it to end" not in done.stderr or time.monotonic() > end:
                break
            time.sleep(1)
        assert done.returncode in statuses, f"{arguments[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def labels(self) -> dict[str, bool]:
        """The newest label of each account that was decided."""
        rows = self.workspace.lake.scan("labels").collect().sort("labelled_at", maintain_order=True)
        return dict(rows.select("account_id", "label").rows())


@contextmanager
def clean_browser(address: str) -> Iterator["Page"]:
    """A browser whose pages have no script error and ask no other host."""
    with browser(address, width=1440) as (page, outside):
        errors = collect_script_errors(page)
        yield page
        assert (errors, outside) == ([], [])


@pytest.fixture
def desk(filled_workspace: Path, move_copy, tmp_path: Path, command: list[str], key: str) -> Desk:
    made = Desk(Workspace(move_copy(filled_workspace, tmp_path / "workspace")), tmp_path / "home", command, key)
    for name, role in (("ann", "analyst"), ("lea", "lead")):
        made.run("console", "users", "add", name, "--role", role, typed=f"{PASSWORD}\n")
    return made


def test_a_working_day_from_the_queue_to_a_new_model_an_appeal_and_a_report(
    desk: Desk, made_world: Path, as_of: datetime, tmp_path: Path
) -> None:
    with running_console(desk.workspace.root, STILLWATCH_KEY=desk.key) as address:
        with clean_browser(address) as page:
            sign_in(page, address, "ann", PASSWORD)
            decided = {work_item(page, address, key): verdict for key, verdict in VERDICTS.items()}
            judged = {account: verdict == "confirmed" for account, verdict in decided.items() if verdict != "monitored"}
            assert len(decided) == 3 and desk.labels() == judged
            campaign, members = confirm_campaign(page, address)
            assert desk.labels() == judged | dict.fromkeys(members, True)
        retrain_now(desk, made_world / "labels.parquet")
        compare_versions(desk.workspace.root)
        with clean_browser(address) as page:
            sign_in(page, address, "ann", PASSWORD)
            see_version(page, address, 2)
            appeal(page, address, members[0])
        with clean_browser(address) as page:
            sign_in(page, address, "lea", PASSWORD)
            uphold_appeal(page, address)
        assert desk.labels()[members[0]] is False
        enforced = desk.workspace.lake.scan("enforcement").collect().filter(account_id=members[0])
        assert enforced.sort("acted_at")["action"].to_list()[-1] == "restore"
    desk.run("report", campaign, "--as-of", as_of.isoformat(), "--out", tmp_path / "report")
    read_report(tmp_path / "report" / "report.html", len(members))


def retrain_now(desk: Desk, labels: Path) -> None:
    """Train with the day's decisions; what the gate keeps waiting is promoted by hand.

    The logs of the shared world ended long before today, to which the gate objects.
    """
    now, reason = datetime.now(UTC).isoformat(), ("--force", "--reason", "the decisions of the day")
    printed = desk.run("retrain", "--labels", labels, "--as-of", now, "--no-plant", *reason, statuses=(0, 3))
    assert printed.startswith("Version 2 was trained as of ")
    if "version 1 stays the champion" in printed:
        desk.run("promote", "--version", 2, *reason)


def work_item(page: "Page", address: str, key: str) -> str:
    """Take the next item of the queue and decide it, by the keyboard alone; gives its account."""
    page.goto(address)
    page.keyboard.press("n")
    page.get_by_text("yours for 30 minutes").wait_for()
    page.wait_for_load_state()  # the keys are there once the script has run
    account = page.locator("h1").inner_text()
    page.keyboard.press(key)
    page.keyboard.type("seen by the day shift")
    page.keyboard.press("Enter")
    page.locator(".events").get_by_text(VERDICTS[key]).wait_for()
    return account


def confirm_campaign(page: "Page", address: str) -> tuple[str, list[str]]:
    """Look at the graph of the largest campaign, open a case, and confirm every member."""
    page.goto(f"{address}?kind=campaigns&sort=volume")
    page.get_by_role("link", name=re.compile("^campaign_")).first.click()
    page.locator("[data-drawn]").wait_for()
    assert int(page.locator("[data-drawn]").get_attribute("data-drawn") or 0) > 5
    assert page.evaluate(
        "() => [...document.querySelectorAll('.graph canvas')].some(layer => "
        "layer.getContext('2d').getImageData(0, 0, layer.width, layer.height).data.some(value => value))"
    )
    campaign, here = page.locator("h1").inner_text(), page.url
    page.get_by_label("Title of a new case").fill("One template")
    page.get_by_role("button", name="Open case").click()
    page.get_by_text("Everything that happened").wait_for()
    page.goto(here)
    members = page.get_by_role("region", name="Table of members").locator("tbody a").all_inner_texts()
    page.get_by_label("Choose all members").check()
    page.get_by_label("Confirm").check()
    page.get_by_label("Reason").fill("one operator")
    page.get_by_role("button", name="Decide").click()
    page.get_by_role("region", name="Table of members").get_by_text("confirmed").nth(len(members) - 1).wait_for()
    return campaign, members


def see_version(page: "Page", address: str, version: int) -> None:
    """Load the queue until it shows a build of this version of the model."""
    for _ in range(120):
        page.goto(address)
        if page.get_by_text(f"UTC, model {version}", exact=False).count():
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"the console never showed model {version}")


def compare_versions(root: Path) -> None:
    """Find the new run in MLflow's list, and its comparison with the champion by the headline metrics."""
    with shown(root) as address, browser(address, width=1700) as (page, outside):
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        open_runs(page, address)
        page.get_by_role("columnheader", name="all/pr_auc").first.wait_for()
        assert {f"all/{name}" for name in HEADLINES} <= {*page.get_by_role("columnheader").all_inner_texts()}
        opened = open_comparison(page, address, SECOND)
        opened.get_by_role("heading", name="Comparison of models").wait_for()
        text = opened.locator("body").inner_text()
        assert "challenger, version 2" in text and "champion, version 1" in text
        assert outside == [] and all(OF_MLFLOW in failure for failure in failures), failures


def appeal(page: "Page", address: str, account: str) -> None:
    """Open an appeal of an account in the first case."""
    page.goto(f"{address}cases/1")
    page.get_by_label("Account that appeals").fill(account)
    page.get_by_label("What it says").fill("we are a class of one school")
    page.get_by_role("button", name="Open appeal").click()
    page.locator(".appeal").get_by_text("open", exact=True).wait_for()
    assert not page.get_by_role("button", name="Close appeal").count()  # that is for leads


def uphold_appeal(page: "Page", address: str) -> None:
    """Close the appeal: the account is cleared and restored."""
    page.goto(f"{address}cases/1")
    page.get_by_label("Outcome of the appeal").select_option("upheld")
    page.get_by_label("Reason of the outcome").fill("a school, and its teacher wrote")
    page.get_by_role("button", name="Close appeal").click()
    page.locator(".appeal").get_by_text("upheld", exact=True).wait_for()


def read_report(path: Path, members: int) -> None:
    """Open the evidence file."""
    with clean_browser(path.as_uri()) as page:
        page.goto(path.as_uri())
        assert f"{members} accounts" in page.locator("body").inner_text()
        assert list_barriers(page) == []
