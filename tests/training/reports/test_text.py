"""Reports as text and as named numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.metrics import Estimate
from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.examples.splits import split_by_campaign
from training.examples.test_set import BUCKETS, make_test_set
from training.fitting.train import Trained
from training.models.candidate import OURS
from training.reports.text import flat, legal, render, show_estimate, word_risk

LEGAL = re.compile(r"[A-Za-z0-9_\-. /]+")


@pytest.fixture(scope="module")
def report(world, slices_of, as_of) -> Report:
    """A report with slices and many campaigns."""
    examples = world(honest=1100, campaigns=9, size=10, snapshots=2)
    return evaluate(
        make_test_set(examples, "some", (), slices_of(examples)),
        lambda rows: rows["template_share"].to_numpy().astype(float),
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )


def test_the_table_has_a_column_for_each_candidate_and_says_what_is_missing(trained: Trained) -> None:
    text = render(trained.reports)
    assert all(name in text for name in (OURS, "volume_rule", "logistic_regression", "PR-AUC", "Brier"))
    assert "needs 1,000 accounts that are not true" in text


def test_the_table_is_a_screenful_and_names_the_worst_groups(report: Report) -> None:
    lines = render({"m": report, "n": report}).splitlines()
    assert len(lines) <= 40
    family = next(line for line in lines if line.startswith("worst family"))
    assert report.worst("family", "recall_at_fpr_0.01").name in family
    assert any(line.startswith("worst cohort, FPR") for line in lines)
    assert sum(line.startswith("campaign c") for line in lines) == 5
    assert "note: the 5 campaigns with the lowest recall are shown, 4 others are not" in lines


def test_each_row_of_the_table_ends_before_the_next_begins(report: Report) -> None:
    table = [line for line in render({"m": report, "n": report}).splitlines()[1:] if not line.startswith("note")]
    column = table[0].index("n")
    assert {line[column - 1] for line in table if len(line) >= column} == {" "}


def test_a_report_of_another_format_has_dashes_where_it_knows_nothing(report: Report) -> None:
    old = report.model_copy(update={"slices": (), "queue": (), "costs": (), "estimates": report.estimates[:1]})
    lines = render({"new": report, "old": old}).splitlines()
    assert next(line for line in lines if line.startswith("worst cohort")).endswith("-")
    assert next(line for line in lines if line.startswith("Brier")).endswith("-")


def test_the_notes_of_the_test_set_are_printed(world, as_of) -> None:
    test = replace(split_by_campaign(world(honest=60, campaigns=2, size=4), 1).test, notes=("mind this",))
    report = evaluate(
        test,
        lambda rows: np.full(rows.height, 0.1),
        EvaluationRequest(model="m", as_of=as_of, seed=1, review_threshold=0.5, replicates=5),
    )
    assert "note: mind this" in render({"m": report})


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_figure_is_shown_with_its_interval(value: float, low: float, high: float) -> None:
    shown = show_estimate(Estimate(name="x", value=value, low=low, high=high))
    assert shown == f"{value:.3f} [{low:.3f}, {high:.3f}]"
    assert show_estimate(Estimate(name="x", value=None)) == "-"
    assert show_estimate(Estimate(name="x", value=value)) == f"{value:.3f}"
    assert show_estimate(Estimate(name="days", value=17.04, low=14, high=2000)) == "17.0 [14.0, 2,000.0]"


def test_figures_without_a_value_are_not_tracked(trained: Trained) -> None:
    values = flat(trained.report)
    assert {"all/pr_auc", "totals/pr_auc_low", "totals/pr_auc_high", "totals/brier", "totals/base_rate"} <= set(values)
    assert not any("0.0001" in name for name in values)


def test_everything_that_is_judged_has_a_named_number(report: Report) -> None:
    values = flat(report)
    assert {
        "all/recall_at_fpr_0.001",
        "totals/pr_auc_at_base_rate_0.01",
        "family/family 1/recall_at_fpr_0.01",
        "cohort/cohort 3/false_positive_rate_at_fpr_0.001",
        "plan/free/false_positive_rate_at_fpr_0.01",
        "country/DE/false_positive_rate_at_fpr_0.01",
        "requests/up to 50/recall_at_fpr_0.01",
        "mode/no text/pr_auc",
        "queue/top_100",
        "detection/detected",
        "what errors cost/a miss as 100 false positives",
        "what errors cost/a miss as 100 false positives - without a model",
    } <= set(values)
    assert all(LEGAL.fullmatch(name) for name in values)


def test_the_five_headline_figures_sort_first_and_the_costs_last(report: Report) -> None:
    names = sorted(flat(report))
    headline = {"pr_auc", "recall_at_fpr_0.01", "recall_at_fpr_0.001", "ece", "precision_top_50"}
    assert names[:5] == sorted(f"all/{name}" for name in headline)
    prefixes = list(dict.fromkeys(name.partition("/")[0] for name in names))
    assert prefixes[-1] == "what errors cost" and prefixes.count("all") == 1
    assert prefixes == sorted(prefixes, key=str.lower)


def test_the_precision_at_the_head_of_the_queue_is_told_of_as_many_as_a_small_test_set_carries(report: Report) -> None:
    few = report.model_copy(update={"queue": tuple(e for e in report.queue if e.name == "top_10")})
    none = report.model_copy(update={"queue": ()})
    assert flat(few)["all/precision_top_10"] == flat(report)["queue/top_10"]
    assert not any(name.startswith("all/precision") for name in flat(none))


@given(st.lists(st.text(max_size=90), max_size=20, unique=True))
def test_any_group_has_a_legal_name_of_its_own(names: list[str]) -> None:
    made = [legal(name) for name in (*names, *BUCKETS)]
    assert all(re.fullmatch(r"[A-Za-z0-9_\- ]{1,90}", name) and name == name.strip() for name in made)
    assert len(set(made)) == len({*names, *BUCKETS})


@pytest.mark.parametrize("value, words", [(None, "–"), (0.0004, "<0.001"), (0.5814, "0.581"), (0.9999, ">0.999")])
def test_a_risk_is_never_worded_as_certain(value: float | None, words: str) -> None:
    assert word_risk(value) == words
