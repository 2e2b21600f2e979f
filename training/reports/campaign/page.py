"""An evidence file as one HTML page: no script, nothing from outside, tables that break over printed pages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from training.evaluation.metrics import FALSE_POSITIVE_RATES, recall_name
from training.reports.campaign import atlas
from training.reports.campaign.tables import tables
from training.reports.campaign.value import COMPUTED, CampaignReport, Method
from training.reports.templates import open_template
from training.reports.text import WORDS, show_estimate, word_risk

MOST_ROWS = 50  # of a table on the page; all are in its CSV file
_WIDTH, _HEIGHT = 900, 160  # pixels of the chart
_HEADS = {
    "daily": ("Daily volume", ("day", "accounts", "requests", "input tokens", "output tokens", "tokens")),
    "capabilities": ("Targets: what the prompts ask for", ("target", "accounts", "requests")),
    "languages": ("Languages of the prompts", ("language", "accounts", "requests")),
    "models": ("Models", ("model", "accounts", "requests")),
    "pivots": (
        "Moves to new models",
        ("model", "released", "first used", "accounts", "within a day", "within a week", "share of that week"),
    ),
    "indicators": ("What raised the members' risk", ("signal", "accounts")),
    "accounts": (
        "Accounts, by pseudonym",
        (
            "account", "plan", "registered", "first seen", "last seen", "requests", "tokens", "membership", "risk",
            "banned",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of the page: its title, its heads, its rows as text, and how many more rows its file has."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    file: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """A day in the chart: its place, the height of its bar, and what it stands for."""

    x: float
    width: float
    height: float
    label: str


def campaign_page(report: CampaignReport) -> str:
    """The page as HTML."""
    frames = tables(report)
    daily = frames["daily"]
    return open_template("campaign/campaign.html").render(
        report=report,
        facts=_facts(report),
        chart=_chart(daily),
        size=(_WIDTH, _HEIGHT),
        days=(_show(daily["day"][0]), _show(daily["day"][-1])),
        most=_show(daily["requests"].max()),
        sheets={name: _sheet(name, frames[name]) for name in _HEADS},
        shared=_shared(report),
        techniques=report.techniques,
        case=(atlas.CASE, atlas.CASE_NAME, atlas.VERSION),
        method=None if report.method is None else _method(report.method),
        computed=COMPUTED,
    )


def _facts(report: CampaignReport) -> list[tuple[str, str]]:
    figures = report.figures
    facts = [
        ("Accounts", _show(report.size)),
        ("First request", _show(figures.first_seen)),
        ("Last request", _show(figures.last_seen)),
        ("Requests", _show(figures.requests)),
        ("Tokens", _show(figures.tokens)),
        ("… of these input", _show(figures.input_tokens)),
        ("… and output", _show(figures.output_tokens)),
        ("Mean risk of the members", word_risk(report.mean_risk)),
        ("Log-odds of being a campaign", f"{report.log_odds:.1f}"),
        ("Odds against chance", f"10 to the power of {report.surprise:.1f}"),
        ("Banned members", _show(report.banned)),
    ]
    if report.banned:
        facts.append(("Members that came after the first ban", _show(report.successors)))
        if report.volume_kept is not None:
            facts.append(("Volume kept after the first ban", f"{report.volume_kept:.0%}"))
    return facts


def _chart(daily: pl.DataFrame) -> list[Column]:
    """Bars of the requests of each day."""
    width, top = _WIDTH / daily.height, max(daily["requests"].max(), 1)  # type: ignore[type-var]
    return [
        Column(i * width, width, _HEIGHT * row["requests"] / top, f"{row['day']}: {row['requests']:,} requests")
        for i, row in enumerate(daily.iter_rows(named=True))
    ]


def _sheet(name: str, frame: pl.DataFrame) -> Sheet:
    title, heads = _HEADS[name]
    rows = tuple(
        tuple(word_risk(value) if column == "risk" else _show(value) for column, value in row.items())
        for row in frame.head(MOST_ROWS).iter_rows(named=True)
    )
    return Sheet(title, heads, rows, f"tables/{name}.csv", max(frame.height - MOST_ROWS, 0))


def _shared(report: CampaignReport) -> tuple[Sheet, Sheet]:
    """What the operator had to acquire, and how it is used, in two tables."""
    heads = ("kind", "pseudonym", "accounts", "first seen", "last seen", "requests")
    columns = ("words", "pseudonym", "accounts", "first_seen", "last_seen", "requests")
    sheets = []
    for title, is_infrastructure in (("Shared infrastructure", True), ("Shared texts and habits", False)):
        frame = report.shared.table.filter(pl.col("is_infrastructure") == is_infrastructure).select(columns)
        rows = tuple(tuple(_show(value) for value in row) for row in frame.head(MOST_ROWS).iter_rows())
        more = max(frame.height - MOST_ROWS, 0)
        sheets.append(Sheet(title, heads, rows, "tables/shared_keys.csv", more))
    return sheets[0], sheets[1]


def _method(method: Method) -> Mapping[str, Any]:
    """The model and its measured errors, from its own report."""
    review = method.report.review
    errors = [
        (WORDS.get(estimate.name, estimate.name), show_estimate(estimate))
        for estimate in method.report.estimates
        if estimate.value is not None
    ]
    shares = (review.recall, review.false_positive_rate, review.precision)
    return {
        "model": method,
        "errors": errors,
        "lacking": list(_lacking(method)),
        "review": None if None in shares else (review.threshold, *shares),
        "notes": method.report.notes,
    }


def _lacking(method: Method) -> Iterator[str]:
    """Why the strict recalls have no value, where the test set is too small for them."""
    for name in map(recall_name, FALSE_POSITIVE_RATES):
        estimate = method.report.estimate(name)
        if estimate.value is None:
            yield f"{WORDS[name]}: {estimate.note}"


def _show(value: Any) -> str:
    """A value of a table as text."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, date | str | bool):
        return str(value)
    return f"{value:,}"
