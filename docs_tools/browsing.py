"""What an analyst does in the console and in MLflow's pages, in a real browser; tests and pictures share it."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from serving.process import free_port

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, FrameLocator, Locator, Page

HOST = "127.0.0.1"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STEP, PAUSE = 180, 100  # pixels of a scroll, less than the table is high; milliseconds after it
PATIENCE = 120_000  # milliseconds for one step: on a busy machine MLflow's list of runs takes more than half a minute
LINE = 5  # pixels that cells of one line may lie apart
COLOURS = 256  # of a picture; with half as many a chart's violet turns grey
Cell = tuple[float, float, str]  # top and left in the window, text
CELLS = """section => [...section.querySelectorAll('.ReactVirtualized__Grid__innerScrollContainer > div')].map(cell => {
    const box = cell.getBoundingClientRect();
    return [box.top, box.left, cell.innerText.trim()];
})"""


def chromium() -> str | None:
    """The browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def shown(root: Path) -> Iterator[str]:
    """`stillwatch ui` over a workspace, on a spare port; gives the address that it prints."""
    with _running(root, ["ui", "--open"], {}) as line:
        yield line.removeprefix("MLflow: ")


@contextmanager
def running_console(root: Path, **variables: str) -> Iterator[str]:
    """`stillwatch console` over a workspace with a user, on a spare port; gives the address that it prints.

    Args:
        root: the workspace.
        variables: of the server's environment, such as STILLWATCH_KEY where the workspace does not hold its key.
    """
    with _running(root, ["console"], variables) as line:
        yield line.removeprefix("console: ")


@contextmanager
def _running(root: Path, command: Sequence[str], variables: Mapping[str, str]) -> Iterator[str]:
    """A server of the command line; gives the first line that it prints."""
    program = str(Path(sys.executable).with_name("stillwatch"))
    call = [program, *command, "--port", str(free_port(HOST)), "--workspace", str(root)]
    others = {name: value for name, value in os.environ.items() if not name.startswith(("STILLWATCH_", "MLFLOW_"))}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env={**others, **variables}) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)


@contextmanager
def browser(address: str, width: int = 1280, height: int = 900) -> Iterator[tuple["Page", list[str]]]:
    """A page of an empty browser that reaches this server only, and the list of what else the pages asked for."""
    from playwright.sync_api import sync_playwright

    origin = address.partition("#")[0]
    outside: list[str] = []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS])
        context = started.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE)
        context.route(lambda url: not url.startswith((origin, "blob:", "data:")), lambda route: route.abort())
        context.on("requestfailed", lambda request: request.url.startswith(origin) or outside.append(request.url))
        yield context.new_page(), outside
        started.close()


def collect_script_errors(page: "Page") -> list[str]:
    """A list that fills with what the pages' scripts fail at, and with what the browser itself complains of."""
    errors: list[str] = []

    def note(message: "ConsoleMessage") -> None:
        if message.type == "error":
            errors.append(f"{message.text} {message.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def sign_in(page: "Page", address: str, name: str, password: str) -> None:
    """Sign in to the console, and wait for the queue and its scripts: before them a choice is heard by nobody."""
    page.goto(f"{address}login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("table").first.wait_for()
    page.wait_for_load_state()


def save_picture(shown: "Page | Locator", path: Path) -> None:
    """Save a picture with few colours: pages have few, and the file stays small."""
    from PIL import Image

    picture = Image.open(io.BytesIO(shown.screenshot()))
    picture.convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE).save(path, optimize=True)


def open_runs(page: "Page", address: str) -> None:
    """The list of runs, without the panel of MLflow's assistant over it."""
    page.goto(address)
    page.get_by_role("row").get_by_role("link").first.wait_for()
    panel = page.locator('[data-component-id="mlflow.assistant.chat_panel.close"]')
    if panel.count():
        panel.click()


def run_named(page: "Page", name: str | re.Pattern[str]) -> "Locator":
    """The row of a run, where its name and its box are."""
    link = page.get_by_role("link", name=name, exact=isinstance(name, str))
    return page.locator(".ag-pinned-left-cols-container .ag-row").filter(has=link)


def select(page: "Page", parent: str | re.Pattern[str], children: Sequence[str | re.Pattern[str]]) -> None:
    """Unfold a training and tick it and the runs below it."""
    run_named(page, parent).get_by_role("button").click()
    for name in (parent, *children):
        run_named(page, name).locator("input.ag-checkbox-input").check()


def press_compare(page: "Page") -> list[str]:
    """Press Compare; gives the names of the runs, in the order of the columns."""
    page.get_by_role("button", name="Compare").click()
    names = page.get_by_role("row").filter(has_text="Run Name:")
    names.wait_for()
    for part in ("Visualizations", "Parameters"):
        page.locator(".du-bois-light-collapse-header").filter(has_text=re.compile(f"^{part}$")).click()
    return [cell.strip() for cell in names.get_by_role("cell").all_inner_texts()]


def metric(page: "Page", name: str) -> list[str]:
    """Scroll the table of metrics to one of them; gives what it says of each run. Rows out of sight do not exist."""
    switch = page.get_by_role("switch", name="Metrics - Show diff only")
    section = page.locator(".du-bois-light-collapse-item").filter(has=switch)
    table = section.get_by_role("grid").last
    table.scroll_into_view_if_needed()
    begin = table.evaluate("table => table.getBoundingClientRect().top")
    for top in range(0, int(table.evaluate("table => table.scrollHeight")), STEP):
        seen = next((height for height, _, text in _scroll(section, table, top) if text == name), None)
        if seen is not None:
            cells = _scroll(section, table, int(top + seen - begin))
            line = next(height for height, _, text in cells if text == name)
            beside = sorted((left, text) for height, left, text in cells if abs(height - line) < LINE)
            return [text for _, text in beside if text != name]
    raise LookupError(f"the page has no metric {name}")


def _scroll(section: "Locator", table: "Locator", top: int) -> list[Cell]:
    """Scroll and look. In MLflow 3.17 the names lag one scroll behind, so the last one is a very small one."""
    end = table.evaluate("table => table.scrollHeight - table.clientHeight")
    last = min(top, end - 1)
    for pixels in (last + 1, last):
        table.evaluate("(table, pixels) => { table.scrollTop = pixels }", pixels)
        section.page.wait_for_timeout(PAUSE)
    cells: list[Cell] = section.evaluate(CELLS)
    return cells


def open_comparison(page: "Page", address: str, run: str | re.Pattern[str]) -> "FrameLocator":
    """The comparison among the artifacts of a run."""
    open_runs(page, address)
    run_named(page, run).get_by_role("link", name=run).click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("comparison.html", exact=True).first.click()
    return page.frame_locator("iframe.mlflow-html-iframe")
