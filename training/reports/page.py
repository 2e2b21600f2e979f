"""Reports side by side as one HTML page for people: no scripts, nothing from outside, every text escaped.

`comparison` computes a plain value, and the template `page.html` renders it. The template escapes all that it is given,
so whatever a name holds becomes text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import Slice, false_positive_name
from training.gate.promotion import Decision
from training.reports.templates import open_template
from training.reports.text import COURSE, WORDS, carried_first, metric_name, show_estimate

SHOWN = 10  # slices of a kind; all are in the report
BAR_WIDTH = 110  # pixels
STRICT, WIDE = recall_name(FALSE_POSITIVE_RATES[1]), recall_name(FALSE_POSITIVE_RATES[0])
FALSE_POSITIVES = false_positive_name(FALSE_POSITIVE_RATES[0])
NOTHING = Estimate(name="", value=None)


@dataclass(frozen=True, slots=True)
class Bar:
    """A value as a bar with its interval as a line, in pixels of `full`."""

    full: int
    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of one report as text, why it has no value, and its bar."""

    text: str
    note: str = ""
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in each report.

    Attributes:
        words: what it is called for people.
        cells: one per column.
        metric: its name in MLflow; empty if it has none of its own.
        accounts: of the slice that it is about; None if it is about the whole test set.
    """

    words: str
    cells: tuple[Cell, ...]
    metric: str = ""
    accounts: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its title; without heads if there is but one column."""

    title: str
    subtitle: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that the page shows; `first` is the report of the judged model."""

    first: Report
    decision: Decision | None
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def comparison_page(
    reports: Mapping[str, Report],
    decision: Decision | None = None,
    differences: Mapping[str, Sequence[Estimate]] | None = None,
) -> str:
    """The page as HTML.

    Args:
        reports: by the head of their column, the judged model first; all on one test set.
        decision: of the gate; None while it has not decided.
        differences: of the judged model from others on the same accounts (`training.evaluation.paired`), by name.
    """
    shown = comparison(reports, decision, differences or {})
    page = open_template("page.html")
    return page.render(first=shown.first, decision=shown.decision, sections=shown.sections, notes=shown.notes)


def comparison(
    reports: Mapping[str, Report], decision: Decision | None, differences: Mapping[str, Sequence[Estimate]]
) -> Comparison:
    """What the page shows of these reports; arguments as in `comparison_page`."""
    columns, judged = tuple(reports), tuple(reports.values())
    sections = [
        _headline(columns, judged),
        *_worst_slices(columns, judged),
        _modes(columns, judged),
        Section("In use", "", columns, tuple(_in_use(judged))),
    ]
    return Comparison(
        first=judged[0],
        decision=decision,
        sections=tuple(section for section in sections if section.rows)
        + tuple(_difference(name, estimates) for name, estimates in differences.items()),
        notes=tuple(_notes(reports)),
    )


def _headline(columns: tuple[str, ...], judged: Sequence[Report]) -> Section:
    rows = tuple(
        Row(
            words=WORDS.get(estimate.name, estimate.name),
            cells=_cells([_named(report.estimates, estimate.name) for report in judged]),
            metric=metric_name(estimate),
        )
        for estimate in carried_first(judged[0].estimates)
    )
    return Section("All accounts", "", columns, rows)


def _worst_slices(columns: tuple[str, ...], judged: Sequence[Report]) -> Iterator[Section]:
    title, what = "Families with the lowest recall", "recall where 1 % of all honest accounts are flagged"
    yield _worst(title, what, columns, judged, ("family", WIDE))
    title, what = "Cohorts with the highest false-positive rate", "share flagged where 1 % of all honest accounts are"
    yield _worst(title, what, columns, judged, ("cohort", FALSE_POSITIVES))


def _worst(
    title: str, what: str, columns: tuple[str, ...], judged: Sequence[Report], figure: tuple[str, str]
) -> Section:
    """The slices of a kind that the first report has a value for, worst first; `figure` is kind and name."""
    kind, name = figure
    sign = -1 if name == FALSE_POSITIVES else 1
    measured = [
        (value, test_slice)
        for test_slice in judged[0].of_kind(kind)
        if (value := test_slice.estimate(name).value) is not None
    ]
    measured.sort(key=lambda pair: (sign * pair[0], pair[1].name))
    subtitle = f"{what}; the worst {SHOWN} of {len(measured)}" if len(measured) > SHOWN else what
    rows = tuple(
        Row(
            words=test_slice.name,
            cells=_cells([_of_slice(report, test_slice, name) for report in judged]),
            accounts=test_slice.accounts,
        )
        for _, test_slice in measured[:SHOWN]
    )
    return Section(title, subtitle, columns, rows)


def _modes(columns: tuple[str, ...], judged: Sequence[Report]) -> Section:
    rows = tuple(
        Row(
            words=f"{mode.name}, {WORDS[name]}",
            cells=_cells([_of_slice(report, mode, name) for report in judged]),
        )
        for mode in judged[0].of_kind("mode")
        for name in ("pr_auc", STRICT)
    )
    return Section("With some of the data missing", "as a provider sees it who does not have them", columns, rows)


def _in_use(judged: Sequence[Report]) -> Iterator[Row]:
    first = judged[0]
    for estimate in first.queue:
        if estimate.value is not None:
            words = f"precision of the {estimate.name.replace('_', ' ')}"
            yield Row(words, _cells([_named(report.queue, estimate.name) for report in judged]))
    for estimate in first.detection.estimates:
        course = [_named(report.detection.estimates, estimate.name) for report in judged]
        yield Row(COURSE[estimate.name], _cells(course))
    for cost in first.costs:
        words = f"cost of 1,000 accounts where a miss costs {cost.misses_over_alarms:,} false positives"
        yield Row(words, _cells([_named([c.cost for c in report.costs], cost.cost.name) for report in judged]))


def _named(estimates: Sequence[Estimate], name: str) -> Estimate:
    return next((estimate for estimate in estimates if estimate.name == name), NOTHING)


def _of_slice(report: Report, test_slice: Slice, name: str) -> Estimate:
    same = (other for other in report.of_kind(test_slice.kind) if other.name == test_slice.name)
    return next((_named(other.estimates, name) for other in same), NOTHING)


def _cells(estimates: Sequence[Estimate]) -> tuple[Cell, ...]:
    """One cell per report; the bars of a row share the scale of its largest value or bound."""
    ends = [end for estimate in estimates for end in (estimate.value, estimate.high) if end is not None]
    return tuple(_cell(estimate, max(ends, default=0.0)) for estimate in estimates)


def _cell(estimate: Estimate, scale: float) -> Cell:
    if estimate.value is None:
        return Cell(show_estimate(estimate), estimate.note)
    return Cell(show_estimate(estimate), bar=_bar(estimate, scale) if scale > 0 else None)


def _bar(estimate: Estimate, scale: float) -> Bar:
    value, low, high = (
        BAR_WIDTH * max(end or 0.0, 0.0) / scale for end in (estimate.value, estimate.low, estimate.high)
    )
    has_interval = estimate.low is not None and estimate.high is not None
    return Bar(BAR_WIDTH, value, (low, high) if has_interval else None)


def _difference(name: str, estimates: Sequence[Estimate]) -> Section:
    rows = tuple(Row(WORDS.get(e.name, e.name), (Cell(_signed(e)),)) for e in estimates)
    subtitle = "above zero: the judged model is better, also where less is better"
    return Section(f"Difference from {name} on the same accounts", subtitle, (), rows)


def _signed(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return show_estimate(estimate)
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def _notes(reports: Mapping[str, Report]) -> list[str]:
    """The reports' notes, and why figures have no value; each once, with the report's name if it is not the first."""
    notes: dict[str, str] = {}
    first = next(iter(reports))
    for name, report in reports.items():
        for note in (*report.notes, *_of_figures(report)):
            notes.setdefault(note, note if name == first else f"{name}: {note}")
    return list(notes.values())


def _of_figures(report: Report) -> Iterator[str]:
    for estimate in report.estimates:
        if estimate.note:
            words = WORDS.get(estimate.name, estimate.name)
            yield f"{words}: {estimate.note}" if estimate.value is None else estimate.note
    if report.detection.note:
        yield f"time to detection: {report.detection.note}"
