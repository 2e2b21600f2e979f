"""`python -m docs_tools screenshots`: the pictures of our pages and MLflow's in docs/, taken in a real browser.

They show a demo's workspace, and the comparison of models after a second training at the gate.
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from docs_tools.browsing import (
    browser,
    chromium,
    metric,
    open_comparison,
    open_runs,
    press_compare,
    save_picture,
    select,
    shown,
)
from docs_tools.console_pictures import take_console_pictures, take_report_pictures
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
    """Write all pictures."""
    if chromium() is None:
        print("screenshots: there is no Chromium on the PATH; .ci/servers installs it", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        root = Path(scratch) / "demo"
        run_demo(root, now=NOW, seed=0, progress=_print_step)
        take_console_pictures(root)
        take_report_pictures(root, NOW, Path(scratch) / "report")
        _challenge(root)
        take_run_pictures(root)
    return 0


def take_run_pictures(root: Path) -> None:
    """Write the pictures of MLflow's pages over a workspace with a second training."""
    with shown(root) as address, browser(address, height=960) as (page, _):
        open_runs(page, address)
        select(page, CHALLENGER, ["champion, version 1", "logistic_regression", "volume_rule"])
        press_compare(page)
        metric(page, "all/pr_auc")
        save_picture(page.locator("main"), DOCS / "comparing-models.png")
        page.set_viewport_size({"width": 1560, "height": 1100})
        open_comparison(page, address, CHALLENGER).get_by_role("heading").first.wait_for()
        save_picture(page.locator("iframe"), DOCS / "comparing-models-page.png")


def _challenge(root: Path) -> None:
    """Train again with another seed and the slices of the truth, and let the gate decide."""
    workspace, world = Workspace(root), root / "world"
    labels, slices = read_labels(world / "labels.parquet", 0.01), read_slices(world / "truth.parquet")
    with workspace.locked("retrain"):
        request = VersionRequest(labels=labels, as_of=NOW, seed=1, slices=slices)
        done = retrain(workspace, request, progress=_print_step, now=NOW, reason="to be compared")
    print(done.outcome.value, *done.objections, *done.reasons)


def _print_step(step: str, done: float) -> None:
    if done == 0:
        print(step)
