"""What an analyst sees who compares models: Chromium against the server that `stillwatch ui` starts."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from docs_tools.browsing import browser, chromium, metric, open_comparison, open_runs, press_compare, select, shown
from pipelines.models import champion
from pipelines.models.champion import GateResult, promote
from pipelines.settings import settings
from pipelines.workspace import Workspace
from training import tracking
from training.fitting.plan import Plan
from training.fitting.train import Trained, TrainingRequest, train
from training.models.fit import BoostingSettings
from training.reports.text import flat, metric_name, show_estimate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium on the PATH: .ci/servers installs it"),
]
NOW = datetime(2026, 6, 2, tzinfo=UTC)
CHALLENGER = re.compile("^version 2, as of ")
METRICS = (
    *("all/pr_auc", "all/recall_at_fpr_0.01", "totals/brier", "all/ece"),
    "what errors cost/a miss as 100 false positives",
)


@pytest.fixture(scope="module")
def judged(
    trained: Trained,
    world: Callable[..., pl.DataFrame],
    slices_of: Callable[[pl.DataFrame], pl.DataFrame],
    plan: Plan,
    request_of: Callable[..., TrainingRequest],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Workspace, GateResult]]:
    """A champion, and a challenger that went to the gate with its own test set."""
    examples = world()
    one_round = replace(plan, settings=BoostingSettings(rounds=(2,)))
    weak = train(request_of(examples=examples, seed=8, plan=one_round, slices=slices_of(examples)))
    workspace = Workspace(tmp_path_factory.mktemp("compared"))
    (workspace.root / "lake").mkdir()  # as an ingest leaves it: else `ui` takes it for a mistyped path
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STILLWATCH_TRACKING_URI", raising=False)
        # a release that reads the features of the small world
        patch.setattr(champion, "FEATURE_NAMES", trained.model.features)
        patch.setattr(champion, "SCHEMA_VERSION", trained.model.schema_version)
        settings.cache_clear()
        first, second = (tracking.record(workspace.tracking_uri, workspace.artifacts, each) for each in (weak, trained))
        promote(workspace, first, now=NOW, reason="there must be one to begin with")
        yield workspace, promote(workspace, second, now=NOW)
    settings.cache_clear()


def test_champion_challenger_and_baselines_are_selected_and_compared_with_their_named_metrics(
    judged: tuple[Workspace, GateResult],
) -> None:
    workspace, at_the_gate = judged
    assert at_the_gate.champion is not None
    rivals = tracking.rival_reports(workspace.tracking_uri, at_the_gate.version)
    reports = {"champion, version 1": at_the_gate.champion, **rivals}
    with shown(workspace.root) as address, browser(address) as (page, outside):
        open_runs(page, address)
        select(page, CHALLENGER, [*reports])
        names = press_compare(page)
        assert {*names[1:]} == reports.keys()
        assert CHALLENGER.match(names[0])
        columns = [flat(reports.get(name, at_the_gate.report)) for name in names]
        for name in METRICS:
            seen = [float(text) for text in metric(page, name)]
            assert seen == pytest.approx([column[name] for column in columns], abs=0.06 if "cost" in name else 0.0006)
        opened = open_comparison(page, address, CHALLENGER)
        opened.get_by_role("heading", name="Comparison of models").wait_for()
        text = opened.locator("body").inner_text()
    assert outside == []
    assert all(name in text for name in ("challenger, version 2", *reports))
    assert all(reason in text for reason in at_the_gate.decision.reasons)
    assert all(metric_name(estimate) in text for estimate in at_the_gate.report.estimates)
    for report in (at_the_gate.report, *reports.values()):
        assert show_estimate(report.estimate("pr_auc")) in text
