"""Estimates for docs/results/model-card.md: one model in worlds held out of training, under the truth."""

from collections.abc import Sequence

import polars as pl

from benchmarks.worlds.training_worlds import TrainingWorld
from docs_tools.documents import table
from training.evaluation.metrics import Estimate, recall_name
from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.evaluation.slices import false_positive_name
from training.examples.test_set import make_test_set
from training.fitting.candidates import FittedCandidate

SHOWN = ("pr_auc", *map(recall_name, (0.01, 0.001)), "brier", "ece")
WIDE, STRICT = map(false_positive_name, (0.01, 0.001))
WORST = 12  # cohorts and countries that are shown


def evaluate_together(model: FittedCandidate, worlds: Sequence[TrainingWorld], seed: int) -> Report:
    """All accounts of the worlds together, under the truth; each family is one campaign."""
    rows = pl.concat(_with_truth(world) for world in worlds)
    slices = pl.concat(world.slices for world in worlds)
    test = make_test_set(rows, "held-out worlds", slices=slices)
    as_of = max(world.as_of for world in worlds)
    threshold = model.thresholds["review"]
    request = EvaluationRequest(model="stillwatch", as_of=as_of, seed=seed, review_threshold=threshold)
    return evaluate(test, model.risk, request)


def _with_truth(world: TrainingWorld) -> pl.DataFrame:
    """The examples with the truth for a label."""
    truth = world.truth.select("account_id", true="label", of=pl.when("label").then("family"))
    joined = world.examples.join(truth, on="account_id", maintain_order="left")
    return joined.with_columns(label="true", campaign="of").drop("true", "of")


def card_lines(report: Report) -> list[str]:
    """The headline, then the slices, the worst first."""
    lines = [f"{report.accounts:,} accounts, {report.positives:,} of campaigns: base rate {report.base_rate:.1%}.", ""]
    lines += table(["estimate", "value, 95 %"], [[name, _formatted(report.estimate(name))] for name in SHOWN])
    lines += ["", "Recall at thresholds that flag 1 % and 0.1 % of all honest accounts, the worst family first:", ""]
    lines += _slice_table(report, "family", (recall_name(0.01), recall_name(0.001), "pr_auc"), 1.0)
    lines += ["", "False positives at the same two thresholds, the worst slice first:", ""]
    for kind in ("cohort", "plan", "country", "requests"):
        lines += [*_slice_table(report, kind, (WIDE, STRICT), -1.0), ""]
    lines += ["Without texts, without addresses and clients, and without both:", ""]
    return lines + _slice_table(report, "mode", SHOWN[:3], 1.0)


def _slice_table(report: Report, kind: str, names: Sequence[str], sign: float) -> list[str]:
    slices = [test_slice for test_slice in report.of_kind(kind) if test_slice.estimate(names[0]).value is not None]
    worst = sorted(slices, key=lambda test_slice: sign * (test_slice.estimate(names[0]).value or 0.0))[:WORST]
    rows = [
        [test_slice.name, f"{test_slice.accounts:,}", *(_formatted(test_slice.estimate(name)) for name in names)]
        for test_slice in worst
    ]
    heads = {WIDE: "flagged at 1 %", STRICT: "flagged at 0.1 %", recall_name(0.01): "recall at 1 %"}
    heads |= {recall_name(0.001): "recall at 0.1 %", "pr_auc": "PR-AUC"}
    return table([kind, "accounts", *(heads[name] for name in names)], rows)


def _formatted(estimate: Estimate) -> str:
    """`0.512 [0.431, 0.600]`, false-positive rates in per cent, or why there is no value."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate.note or "none"
    if estimate.name.startswith("false_positive"):
        return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
