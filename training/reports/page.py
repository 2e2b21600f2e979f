"""Reports side by side as one HTML page for people: no scripts, nothing from outside, every text escaped.

Whatever a name holds, it can only become text: the page is built as a tree, never by joining strings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import Slice, false_positive_name
from training.gate.promotion import Decision
from training.reports.text import COURSE, WORDS, show

SHOWN = 10  # groups of a kind
STRICT, WIDE = recall_name(FALSE_POSITIVE_RATES[1]), recall_name(FALSE_POSITIVE_RATES[0])
ALARMS = false_positive_name(FALSE_POSITIVE_RATES[0])
NOTHING = Estimate(name="", value=None)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
body { font: 13px/1.45 system-ui, sans-serif; color: #1c2733; margin: 1.5rem; max-width: 75rem }
h1 { font-size: 1.4rem; margin: 0 0 .3rem } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem }
p { margin: .2rem 0 } .small { color: #5b6b7b; font-size: .85em } code { color: #5b6b7b; font-size: .85em }
table { border-collapse: collapse } th, td { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top }
tr { border-bottom: 1px solid #dde3ea } thead th { border-bottom: 2px solid #8a99a8 } tbody th { font-weight: normal }
td { font-variant-numeric: tabular-nums; white-space: nowrap } svg { display: block; margin-top: .15rem }
.gate { border-left: 5px solid #8a99a8; padding: .5rem .9rem; background: #f3f5f8; margin: .8rem 0 }
.promoted { border-color: #2d8a4e } .kept { border-color: #c0392b } .forced { border-color: #b9770e }
"""
Child = Element | str
Row = tuple[Sequence[Child], Sequence[Estimate]]


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its title, what it says, and rows of figures, one for each report."""

    title: str
    told: str
    rows: Sequence[Row]


def page(
    reports: Mapping[str, Report],
    decision: Decision | None = None,
    differences: Mapping[str, Sequence[Estimate]] | None = None,
) -> str:
    """The page.

    Args:
        reports: by what heads their column, the judged model first; all on one test set.
        decision: of the gate; None while it has not decided.
        gains: of the judged model over others on the same accounts (`training.evaluation.paired`), by name.
    """
    names, told = list(reports), list(reports.values())
    sections = [section for section in _sections(told) if section.rows]
    body = _node(
        "body",
        _node("h1", "Comparison of models"),
        _node("p", _test_set(told[0]), kind="small"),
        _gate(decision),
        *(part for section in sections for part in _table(section, names)),
        *(part for name, estimates in (differences or {}).items() for part in _differed(name, estimates)),
        _node("h2", "Notes"),
        _node("ul", *(_node("li", note) for note in _notes(reports))),
    )
    head = _node("head", Element("meta", charset="utf-8"), _node("title", "Comparison of models"))
    head.append(Element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}))
    head.append(_node("style", STYLE))
    whole = _node("html", head, body)
    whole.set("lang", "en")
    return "<!doctype html>\n" + tostring(whole, encoding="unicode", method="html") + "\n"


def _node(tag: str, *children: Child, kind: str = "") -> Element:
    node = Element(tag, {"class": kind} if kind else {})
    for child in children:
        if isinstance(child, Element):
            node.append(child)
        elif len(node):
            node[-1].tail = (node[-1].tail or "") + child
        else:
            node.text = (node.text or "") + child
    return node


def _test_set(first: Report) -> str:
    return (
        f"Judged as of {first.as_of:%Y-%m-%d %H:%M} UTC on the frozen test set “{first.test_name}” "
        f"({first.test_digest[:12]}): {first.accounts:,} accounts, {first.positives:,} true ({first.base_rate:.2%}). "
        "Values with 95 % intervals by campaign and account; each bar is drawn to the largest of its row, with its "
        "interval. A dash: the counts can't carry the figure."
    )


def _gate(decision: Decision | None) -> Element:
    if decision is None:
        return _node("div", _node("p", "The gate has not decided yet."), kind="gate")
    if decision.forced:
        head, kind = f"Promoted by a person, whatever the gate says: {decision.forced}", "forced"
    elif decision.promote:
        head, kind = "The gate promoted it.", "promoted"
    else:
        head, kind = "The gate kept it out.", "kept"
    reasons = _node("ul", *(_node("li", reason) for reason in decision.reasons))
    return _node("div", _node("p", _node("strong", head)), reasons, kind=f"gate {kind}")


def _sections(told: Sequence[Report]) -> Iterator[Section]:
    first = told[0]
    overall = [(_named(f.name, f"test/{f.name}"), [_of(r.estimates, f.name) for r in told]) for f in first.estimates]
    yield Section("All accounts", "", overall)
    yield _worst(told, "Families found least", "recall where 1 % of all honest accounts are flagged", "family", WIDE)
    yield _worst(told, "Cohorts with most false alarms", "their share flagged where 1 % of all are", "cohort", ALARMS)
    modes = [
        ((f"{mode.name}, {WORDS[name]}",), [_of_slice(r, mode, name) for r in told])
        for mode in first.of_kind("mode")
        for name in ("pr_auc", STRICT)
    ]
    yield Section("Without part of the data", "as a provider sees it who lacks it", modes)
    yield Section("In use", "", [*_in_use(told)])


def _worst(told: Sequence[Report], title: str, what: str, kind: str, name: str) -> Section:
    """The groups of a kind that the first report has a value for, worst first."""
    sign = -1 if name == ALARMS else 1
    known = [(value, part) for part in told[0].of_kind(kind) if (value := part.estimate(name).value) is not None]
    known.sort(key=lambda one: (sign * one[0], one[1].name))
    hidden = len(known) - SHOWN
    said = f"{what}; the worst {SHOWN} of {len(known)}" if hidden > 0 else what
    rows = [(_sized(part), [_of_slice(r, part, name) for r in told]) for _, part in known[:SHOWN]]
    return Section(title, said, rows)


def _in_use(told: Sequence[Report]) -> Iterator[Row]:
    first = told[0]
    for estimate in first.queue:
        if estimate.value is not None:
            yield (
                _named(f"precision of the {estimate.name.replace('_', ' ')}"),
                [_of(r.queue, estimate.name) for r in told],
            )
    for estimate in first.detection.estimates:
        yield _named(COURSE[estimate.name]), [_of(r.detection.estimates, estimate.name) for r in told]
    for cost in first.costs:
        words = f"cost of 1,000 accounts, a miss = {cost.misses_over_alarms:,} false alarms"
        yield _named(words), [_of([c.cost for c in r.costs], cost.cost.name) for r in told]


def _named(name: str, metric: str = "") -> Sequence[Child]:
    words = WORDS.get(name, name)
    return (words, Element("br"), _node("code", metric)) if metric else (words,)


def _sized(part: Slice) -> Sequence[Child]:
    return part.name, " ", _node("span", f"({part.accounts:,})", kind="small")


def _of(estimates: Sequence[Estimate], name: str) -> Estimate:
    return next((estimate for estimate in estimates if estimate.name == name), NOTHING)


def _of_slice(report: Report, part: Slice, name: str) -> Estimate:
    same = (each for each in report.of_kind(part.kind) if each.name == part.name)
    return next((_of(each.estimates, name) for each in same), NOTHING)


def _table(section: Section, names: Sequence[str]) -> Iterator[Element]:
    yield _node("h2", section.title)
    if section.told:
        yield _node("p", section.told, kind="small")
    head = _node("thead", _node("tr", _node("th"), *(_node("th", name) for name in names)))
    rows = (_row(what, estimates) for what, estimates in section.rows)
    yield _node("table", head, _node("tbody", *rows))


def _row(what: Sequence[Child], estimates: Sequence[Estimate]) -> Element:
    known = [bound for estimate in estimates for bound in (estimate.value, estimate.high) if bound is not None]
    return _node("tr", _node("th", *what), *(_cell(estimate, max(known, default=0.0)) for estimate in estimates))


def _cell(estimate: Estimate, scale: float) -> Element:
    cell = _node("td", show(estimate))
    if estimate.value is None and estimate.note:
        cell.set("title", estimate.note)
    if estimate.value is not None and scale > 0:
        cell.append(_bar(estimate, scale))
    return cell


def _bar(estimate: Estimate, scale: float, width: int = 110) -> Element:
    """The value as a bar, with its interval as a line."""
    value, low, high = (width * max(x or 0.0, 0.0) / scale for x in (estimate.value, estimate.low, estimate.high))
    drawn = Element("svg", width=str(width), height="9", role="img")
    drawn.append(Element("rect", width=f"{value:.1f}", height="9", fill="#9fc3e8"))
    if estimate.low is not None and estimate.high is not None:
        drawn.append(Element("path", d=f"M{low:.1f} 4.5H{high:.1f}", stroke="#1f4e79"))
    return drawn


def _differed(name: str, estimates: Sequence[Estimate]) -> Iterator[Element]:
    """A positive gain is better, also of an error."""
    rows = [_node("tr", _node("th", WORDS.get(f.name, f.name)), _node("td", _signed(f))) for f in estimates]
    yield _node("h2", f"Gain over {name} on the same accounts")
    yield _node("p", "above zero: the judged model is better, also where less is better", kind="small")
    yield _node("table", _node("tbody", *rows))


def _signed(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return show(estimate)
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"


def _notes(reports: Mapping[str, Report]) -> list[str]:
    """What the reports note, and what their figures lack; each once, named if it is not of the first."""
    said: dict[str, str] = {}
    first = next(iter(reports))
    for name, report in reports.items():
        lacking = [(WORDS.get(f.name, f.name) if f.value is None else "", f.note) for f in report.estimates]
        lacking.append(("time to detection", report.detection.note))
        told = [*report.notes, *(f"{what}: {note}" if what else note for what, note in lacking if note)]
        for note in told:
            said.setdefault(note, note if name == first else f"{name}: {note}")
    return list(said.values())
