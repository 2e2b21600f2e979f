"""Pictures of a judgement."""

import numpy as np
import pytest
from scipy.stats import binomtest

from training.evaluation.report import EvaluationRequest, evaluate
from training.examples.dataset import targets
from training.examples.test_set import make_test_set
from training.fitting.train import Trained
from training.models.candidate import OURS
from training.reports.plots import by_slice, plots

ALWAYS = {"precision_recall", "roc", "reliability", "importance", "time_to_detection", "cost"}
IN_CAMPAIGN = {"recall_by_family", "false_positives_by_cohort"}


def drawn(trained: Trained) -> dict:
    label = targets(trained.split.test.frame)
    risks = {name: judged.risk for name, judged in trained.candidates.items()}
    model = trained.model
    return plots(label, risks, trained.reports, model.features, model.importance())


def test_the_pictures_show_every_candidate_and_the_roc_has_a_log_axis(trained: Trained) -> None:
    estimates = drawn(trained)
    assert set(estimates) == ALWAYS | IN_CAMPAIGN
    axes = estimates["roc"].axes[0]
    assert axes.get_xscale() == "log"
    assert OURS in axes.get_legend_handles_labels()[1]


def test_with_seven_models_the_legend_lies_outside_and_every_line_looks_different(trained: Trained, tmp_path) -> None:
    label, risk = targets(trained.split.test.frame), trained.candidates[OURS].risk
    names = [f"model {i}" for i in range(7)]
    reports = dict.fromkeys(names, trained.report)
    pictures = plots(label, dict.fromkeys(names, risk), reports, trained.model.features, trained.model.importance())
    for name in ALWAYS - {"importance"}:
        figure = pictures[name]
        figure.savefig(tmp_path / f"{name}.png")
        (legend,), axes = figure.legends, figure.axes[0]
        assert not legend.get_window_extent().overlaps(axes.get_window_extent()), name
        words = [text.get_text() for text in legend.get_texts()]
        assert all(any(text.startswith(model) for text in words) for model in names)
    lines = [line for line in pictures["roc"].axes[0].get_lines() if line.get_label() in names]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 7


def test_intervals_stand_at_the_rates_that_are_reported(trained: Trained) -> None:
    axes, recall = drawn(trained)["roc"].axes[0], trained.report.estimate("recall_at_fpr_0.01")
    ends = [tuple(bar.get_segments()[0][:, 1]) for box in axes.containers for bar in box[2]]
    assert any(end == pytest.approx((recall.low, recall.high)) for end in ends)


def test_the_shares_of_risk_bins_have_the_interval_of_wilson(trained: Trained) -> None:
    (box, *_), report = drawn(trained)["reliability"].axes[0].containers, trained.report
    ends = [segment[:, 1] for segment in box[2][0].get_segments()]
    for part, (low, high) in zip(report.reliability, ends, strict=True):
        hits = round(part.true * part.accounts)
        expected = binomtest(hits, part.accounts).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((min(expected.low, part.true), max(expected.high, part.true)), abs=1e-4)


@pytest.mark.parametrize("name", ["time_to_detection", "cost"])
def test_course_and_costs_have_a_line_for_each_candidate(trained: Trained, name: str) -> None:
    words = drawn(trained)[name].axes[0].get_legend_handles_labels()[1]
    assert [word.split("\n")[0].split(" (")[0] for word in words if word != "no model"] == list(trained.reports)


def test_groups_are_drawn_from_the_worst_down_with_their_accounts(world, slices_of, as_of, tmp_path) -> None:
    examples = world(honest=400, campaigns=4, size=12, snapshots=1)
    report = evaluate(
        make_test_set(examples, "some", (), slices_of(examples)),
        lambda rows: rows["template_share"].to_numpy().astype(float),
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )
    label = targets(make_test_set(examples, "some").frame)
    risk = np.zeros(label.size)
    estimates = plots(label, {"m": risk}, {"m": report, "other": report}, ("a",), np.ones(1))
    assert set(estimates) == ALWAYS | IN_CAMPAIGN
    worst = report.worst("cohort", "false_positive_rate_at_fpr_0.01")
    ticks = [text.get_text() for text in estimates["false_positives_by_cohort"].axes[0].get_yticklabels()]
    assert ticks[0] == f"{worst.name} ({worst.accounts})"
    assert len(ticks) == 4
    for name, estimate in estimates.items():
        estimate.savefig(tmp_path / f"{name}.png")


def test_without_groups_there_is_no_picture_of_them(trained: Trained) -> None:
    bare = trained.report.model_copy(update={"slices": ()})
    assert by_slice({"m": bare}, "family", "pr_auc", "recall") is None
