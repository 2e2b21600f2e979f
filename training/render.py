"""Reports as plain text: one table, candidates side by side."""

from collections.abc import Mapping

from training.evaluate import Report
from training.metrics import Figure

WORDS = {
    "pr_auc": "PR-AUC",
    "recall_at_fpr_0.01": "recall at FPR 1 %",
    "recall_at_fpr_0.001": "recall at FPR 0.1 %",
    "recall_at_fpr_0.0001": "recall at FPR 0.01 %",
    "recall_above_all_negatives": "recall at no false positive",
    "brier": "Brier",
    "ece": "ECE",
}


def render(reports: Mapping[str, Report]) -> str:
    """A table with one column per report and one row per figure, value and 95 % interval, then notes.
    Reports must not be none.
    """
    first = next(iter(reports.values()))
    head = (
        f"test set {first.test_name!r}, {first.accounts:,} accounts, {first.positives:,} true "
        f"(base rate {first.base_rate:.3%}), digest {first.test_digest[:12]}"
    )
    rows = [["", *reports]]
    rows += [[WORDS.get(f.name, f.name), *(show(r.figure(f.name)) for r in reports.values())] for f in first.figures]
    rows += [
        [f"campaign {c.name} ({c.accounts})", *(_campaign(r, c.name) for r in reports.values())]
        for c in first.campaigns
    ]
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width[i]) for i, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([head, *table, *_notes(first)])


def show(figure: Figure) -> str:
    """`0.912 [0.870, 0.951]`, or a dash where the counts cannot carry a value."""
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def flat(report: Report) -> dict[str, float]:
    """What the tracking compares: `test/<figure>`, with `_low` and `_high`; figures without a value are
    left out.
    """
    values = {"test/base_rate": report.base_rate}
    for figure in report.figures:
        bounds = {"": figure.value, "_low": figure.low, "_high": figure.high}
        values |= {f"test/{figure.name}{end}": value for end, value in bounds.items() if value is not None}
    return values


def _campaign(report: Report, name: str) -> str:
    return next((show(found.recall) for found in report.campaigns if found.name == name), "-")


def _notes(report: Report) -> list[str]:
    of_figures = [f"{WORDS.get(f.name, f.name)}: {f.note}" for f in report.figures if f.value is None]
    single = sorted({f.note for f in report.figures if f.note and f.value is not None})
    return [f"note: {note}" for note in (*report.notes, *of_figures, *single)]
