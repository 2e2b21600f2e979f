"""`python -m docs_tools screenshots`: the pictures in docs/comparing-models.md, taken in a real browser.

They show a demo's workspace with a second training at the gate, by the steps that the test of the pages takes.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from docs_tools.browsing import browser, chromium, metric, open_comparison, open_runs, press_compare, select, shown
from docs_tools.documents import DOCS
from pipelines.commands.demo import run_demo
from pipelines.inputs.labels import read_labels
from pipelines.models.slices import read_slices
from pipelines.models.train import VersionRequest
from pipelines.retrain import retrain
from pipelines.workspace import Workspace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHALLENGER = re.compile("^version 2")


def main() -> int:
    """Write both pictures."""
    if chromium() is None:
        print("screenshots: there is no Chromium on the PATH; .ci/servers installs it", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        root = Path(scratch) / "demo"
        run_demo(root, now=NOW, seed=0, progress=_print_step)
        _challenge(root)
        with shown(root) as address, browser(address, height=960) as (page, _):
            open_runs(page, address)
            select(page, CHALLENGER, ["champion, version 1", "logistic_regression", "volume_rule"])
            press_compare(page)
            metric(page, "all/pr_auc")
            page.locator("main").screenshot(path=DOCS / "comparing-models.png")
            page.set_viewport_size({"width": 1560, "height": 1100})
            open_comparison(page, address, CHALLENGER).get_by_role("heading").first.wait_for()
            page.locator("iframe").screenshot(path=DOCS / "comparing-models-page.png")
    return 0


def _challenge(root: Path) -> None:
    """Train again with another seed and the slices of the truth, and let the gate decide."""
    workspace, world = Workspace(root), root / "world"
    labels, slices = read_labels(world / "labels.parquet", 0.01), read_slices(world / "truth.parquet")
    with workspace.locked("retrain"):
        request = VersionRequest(labels=labels, as_of=NOW, seed=1, slices=slices)
        done = retrain(workspace, request, progress=_print_step, now=NOW)
    print(done.outcome.value, *done.reasons)


def _print_step(step: str, done: float) -> None:
    if done == 0:
        print(step)
