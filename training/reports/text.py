"""Reports as plain text, one table with candidates side by side, and as named numbers for the tracking."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from training.evaluation.headline import BASE_RATES, at_base_rate
from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import false_positive_name
from training.examples.test_set import BUCKETS

WORDS = {
    "pr_auc": "PR-AUC",
    **{at_base_rate(rate): f"PR-AUC at base rate {rate * 100:g} %" for rate in BASE_RATES},
    **{recall_name(rate): f"recall at FPR {rate * 100:g} %" for rate in FALSE_POSITIVE_RATES},
    "recall_above_all_negatives": "recall at no false positive",
    "brier": "Brier",
    "ece": "ECE",
}
SHOWN_CAMPAIGNS = 5
SHOWN_RATIO = 100
WIDE = FALSE_POSITIVE_RATES[0]
WORST = (
    ("worst family, recall at FPR 1 %", "family", recall_name(WIDE)),
    ("worst cohort, FPR where all have 1 %", "cohort", false_positive_name(WIDE)),
)
COURSE = {
    "detected": "share detected",
    "days": "days until half are detected",
    "days_90": "days until 90 % are detected",
    "requests": "requests until half are detected",
    "requests_90": "requests until 90 % are detected",
    "served_share": "share of requests served before detection",
}


def render(reports: Mapping[str, Report]) -> str:
    """A table with one column per report and one row per figure, value and 95 % interval, then notes.

    Of slices only the worst is shown; all are in the report. Reports must not be none.
    """
    first = next(iter(reports.values()))
    head = (
        f"test set {first.test_name!r}, {first.accounts:,} accounts, {first.positives:,} true "
        f"({first.base_rate:.2%}); values with 95 % intervals by campaign and account"
    )
    rows = [["", *reports], *_rows(list(reports.values()))]
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width[i]) for i, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([head, *table, *_notes(first)])


def word_risk(value: float | None) -> str:
    """A probability in words; only certainty would be 0 or 1."""
    if value is None:
        return "–"
    return "<0.001" if 0 <= value < 0.001 else ">0.999" if value > 0.999 else f"{value:.3f}"


def show_estimate(estimate: Estimate) -> str:
    """`0.912 [0.870, 0.951]`, `17.0 [14.0, 20.0]`, or a dash where the counts cannot carry a value."""
    if estimate.value is None:
        return "-"
    digits = 3 if abs(estimate.value) <= 1 else 1
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:,.{digits}f}"
    return f"{estimate.value:,.{digits}f} [{estimate.low:,.{digits}f}, {estimate.high:,.{digits}f}]"


def carried_first(estimates: Iterable[Estimate]) -> list[Estimate]:
    """The figures that the test set can carry, then those that it is too small for."""
    return sorted(estimates, key=lambda estimate: estimate.value is None)


def _rows(reports: list[Report]) -> Iterator[list[str]]:
    """The lines of the table: words for a figure of the first report, then its value in each report."""
    first = reports[0]
    for estimate in carried_first(first.estimates):
        yield [WORDS.get(estimate.name, estimate.name), *(_named(r.estimates, estimate.name) for r in reports)]
    for mode in first.of_kind("mode"):
        yield [f"PR-AUC, {mode.name}", *(_in_mode(r, mode.name) for r in reports)]
    for words, kind, name in WORST:
        if first.worst(kind, name):
            yield [words, *(_worst(r, kind, name) for r in reports)]
    for estimate in [estimate for estimate in first.queue if estimate.value is not None][-1:]:
        yield [
            f"precision of the {estimate.name.replace('_', ' ')}",
            *(_named(r.queue, estimate.name) for r in reports),
        ]
    for name in [estimate.name for estimate in first.detection.estimates]:
        yield [COURSE[name], *(_named(r.detection.estimates, name) for r in reports)]
    if first.costs:
        yield [f"cost of 1,000 accounts, a miss costs {SHOWN_RATIO} false positives", *map(_cost, reports)]
    worst = sorted(first.campaigns, key=lambda campaign: (campaign.recall.value or 0.0, campaign.name))[
        :SHOWN_CAMPAIGNS
    ]
    for campaign in worst:
        name = campaign.name
        yield [f"campaign {name} ({campaign.accounts})", *(_campaign(r, name) for r in reports)]


def _named(estimates: tuple[Estimate, ...], name: str) -> str:
    """A figure of a report, or a dash in a report that has none of that name."""
    return next((show_estimate(estimate) for estimate in estimates if estimate.name == name), "-")


def _in_mode(report: Report, mode: str) -> str:
    return next(
        (_named(test_slice.estimates, "pr_auc") for test_slice in report.of_kind("mode") if test_slice.name == mode),
        "-",
    )


def _worst(report: Report, kind: str, name: str) -> str:
    worst = report.worst(kind, name)
    return "-" if worst is None else f"{show_estimate(worst.estimate(name))} {worst.name} ({worst.accounts:,})"


def _cost(report: Report) -> str:
    shown = next((cost for cost in report.costs if cost.misses_over_alarms == SHOWN_RATIO), None)
    return "-" if shown is None else f"{shown.cost.value:,.0f} (without a model {shown.plain:,.0f})"


def _campaign(report: Report, name: str) -> str:
    return next((show_estimate(campaign.recall) for campaign in report.campaigns if campaign.name == name), "-")


def _notes(report: Report) -> Iterator[str]:
    lacking: dict[str, list[str]] = {}
    for estimate in report.estimates:
        if estimate.note:
            subject = [WORDS.get(estimate.name, estimate.name)] if estimate.value is None else []
            lacking.setdefault(estimate.note, []).extend(subject)
    if report.detection.note:
        lacking.setdefault(report.detection.note, []).append("time to detection")
    hidden = len(report.campaigns) - SHOWN_CAMPAIGNS
    lowest = f"the {SHOWN_CAMPAIGNS} campaigns with the lowest recall are shown, {hidden} others are not"
    omitted = [lowest] if hidden > 0 else []
    of_figures = [f"{', '.join(names)}: {note}" if names else note for note, names in lacking.items()]
    return (f"note: {note}" for note in (*report.notes, *of_figures, *omitted))


HEADLINE = ("pr_auc", recall_name(FALSE_POSITIVE_RATES[0]), recall_name(FALSE_POSITIVE_RATES[1]), "ece")
_HEADS_OF_QUEUE = ("top_50", "top_10")
FIRST, TOTALS, LAST = "all", "totals", "what errors cost"
"""Prefixes of metrics in the tracking, which sorts by name: the five to look at first, all other figures of the whole
test set with the bounds of every interval, and, behind all else, the costs."""


def flat(report: Report) -> dict[str, float]:
    """What the tracking compares, by names that sort as they are to be read; figures without a value are left out.

    `all/…` are the headline figures, with the precision at the head of the queue; then come `cohort/NAME/…` and the
    other kinds of slices, `detection/…`, `queue/…`, and those of `FIRST, TOTALS, LAST`.
    """
    values: dict[str, float | None] = {f"{TOTALS}/base_rate": report.base_rate}
    for estimate in report.estimates:
        values |= {metric_name(estimate): estimate.value}
        values |= {f"{TOTALS}/{estimate.name}{end}": bound for end, bound in _bounds(estimate)}
    for test_slice in report.slices:
        values |= {
            f"{test_slice.kind}/{legal(test_slice.name)}/{estimate.name}": estimate.value
            for estimate in test_slice.estimates
        }
    values |= {f"queue/{estimate.name}": estimate.value for estimate in report.queue}
    values |= {f"{FIRST}/precision_{e.name}": e.value for e in _head_of_queue(report)}
    values |= {f"detection/{estimate.name}": estimate.value for estimate in report.detection.estimates}
    for cost in report.costs:
        price = f"{LAST}/a miss as {cost.misses_over_alarms} false positives"
        values |= {price: cost.cost.value, f"{price} - without a model": cost.plain}
    return {name: value for name, value in values.items() if value is not None}


def _head_of_queue(report: Report) -> list[Estimate]:
    """The precision of the first 50 accounts; of as many as the test set can carry where these are fewer."""
    measured = [estimate for estimate in report.queue if estimate.value is not None]
    return [estimate for estimate in measured if estimate.name == _HEADS_OF_QUEUE[0]] or measured[-1:]


def headline_metrics() -> tuple[str, ...]:
    """The names in the tracking of the figures to look at first; of the precisions a run has one."""
    return (*(f"{FIRST}/{name}" for name in HEADLINE), *(f"{FIRST}/precision_{name}" for name in _HEADS_OF_QUEUE))


def metric_name(estimate: Estimate) -> str:
    """The name in the tracking of a figure of the whole test set."""
    return f"{FIRST if estimate.name in HEADLINE else TOTALS}/{estimate.name}"


def _bounds(estimate: Estimate) -> tuple[tuple[str, float | None], ...]:
    return ("_low", estimate.low), ("_high", estimate.high)


def legal(name: str) -> str:
    """A slice's name as a part of a metric's name: letters, digits, `_`, `-`, blanks; a change leaves a mark."""
    if name in BUCKETS:
        return name.replace("<=", "up to").replace(",", "")
    clean = re.sub(r"[^A-Za-z0-9_\- ]+", "-", name).strip()[:80]
    return clean if clean == name and clean else f"{clean}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
