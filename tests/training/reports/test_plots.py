"""Pictures of a judgement."""

import numpy as np
import pytest

from training.evaluation.report import EvaluationRequest, evaluate
from training.examples.dataset import targets
from training.examples.test_set import make_test_set
from training.fitting.train import OURS, Trained
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


@pytest.mark.parametrize("name", ["time_to_detection", "cost"])
def test_course_and_costs_have_a_line_for_each_candidate(trained: Trained, name: str) -> None:
    words = drawn(trained)[name].axes[0].get_legend_handles_labels()[1]
    assert [word.split(" (")[0] for word in words if word != "no model"] == list(trained.reports)


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
