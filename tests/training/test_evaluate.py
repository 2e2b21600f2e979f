"""The report as a value, and as text and pictures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from training.dataset import targets
from training.evaluate import Report, evaluate
from training.figures import plots
from training.metrics import Figure
from training.render import flat, render, show
from training.splits import by_campaign
from training.train import OURS, Trained


def test_a_report_comes_back_from_json_as_it_was(trained: Trained) -> None:
    for report in trained.reports.values():
        assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_report_cannot_be_changed(trained: Trained) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        trained.report.base_rate = 0.5  # type: ignore[misc]


def test_a_report_counts_the_test_set(trained: Trained) -> None:
    label = targets(trained.split.test.frame)
    report = trained.report
    assert (report.accounts, report.positives) == (label.size, label.sum())
    assert report.base_rate == pytest.approx(label.mean())
    assert report.test_digest == trained.split.test.digest
    assert [c.name for c in report.campaigns] == list(trained.split.held_out)


def test_the_reliability_table_holds_every_account_and_gives_the_calibration_error(trained: Trained) -> None:
    report = trained.report
    assert sum(b.accounts for b in report.reliability) == report.accounts
    error = sum(b.accounts * abs(b.risk - b.true) for b in report.reliability) / report.accounts
    assert report.figure("ece").value == pytest.approx(error)


def test_an_unknown_figure_is_a_key_error(trained: Trained) -> None:
    with pytest.raises(KeyError, match="nope"):
        trained.report.figure("nope")


def test_the_review_block_counts_at_or_above_the_threshold(world, as_of) -> None:
    test = by_campaign(world(honest=60, campaigns=2, size=4), 1).test
    label = targets(test.frame)
    report = evaluate(test, label * 0.5, model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5)
    assert (report.review.flagged, report.review.recall, report.review.precision) == (4, 1.0, 1.0)
    assert report.campaigns[0].recall.value == 1.0


def test_the_notes_of_the_test_set_reach_the_report_and_the_print(world, as_of) -> None:
    test = replace(by_campaign(world(honest=60, campaigns=2, size=4), 1).test, notes=("mind this",))
    risk = np.full(test.frame.height, 0.1)
    report = evaluate(test, risk, model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5)
    assert report.notes == ("mind this",)
    assert "note: mind this" in render({"m": report})


def test_the_table_has_a_column_for_each_candidate_and_says_what_is_missing(trained: Trained) -> None:
    text = render(trained.reports)
    assert all(name in text for name in (OURS, "volume_rule", "logistic_regression", "PR-AUC", "Brier"))
    assert "needs 1,000 accounts that are not true" in text


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_figure_is_shown_with_its_interval(value: float, low: float, high: float) -> None:
    shown = show(Figure(name="x", value=value, low=low, high=high))
    assert shown == f"{value:.3f} [{low:.3f}, {high:.3f}]"
    assert show(Figure(name="x", value=None)) == "-"
    assert show(Figure(name="x", value=value)) == f"{value:.3f}"


def test_figures_without_a_value_are_not_tracked(trained: Trained) -> None:
    values = flat(trained.report)
    assert {"test/pr_auc", "test/pr_auc_low", "test/pr_auc_high", "test/brier", "test/base_rate"} <= set(values)
    assert not any("0.0001" in name for name in values)


def test_the_pictures_show_every_candidate_and_the_roc_has_a_log_axis(trained: Trained) -> None:
    label = targets(trained.split.test.frame)
    risks = {name: judged.risk for name, judged in trained.candidates.items()}
    model = trained.model
    drawn = plots(label, risks, trained.reports, model.features, model.importance())
    assert set(drawn) == {"precision_recall", "roc", "reliability", "importance"}
    axes = drawn["roc"].axes[0]
    assert axes.get_xscale() == "log"
    assert OURS in axes.get_legend_handles_labels()[1]
