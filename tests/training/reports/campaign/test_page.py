"""The page of an evidence file: complete, self-contained, every text escaped."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import polars as pl

from training.reports.campaign.page import MOST_ROWS, campaign_page
from training.reports.campaign.value import COMPUTED, CampaignReport
from training.reports.text import show_estimate


class Outside(HTMLParser):
    """Collects the tags of a page, and all that a browser would fetch for it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_the_page_shows_all_that_is_in_the_report(report: CampaignReport) -> None:
    page = campaign_page(report)
    figures = report.figures
    for text in ("300", "15,000", "2026-05-01 03:00", "2026-05-20 21:00", figures.campaign_id, "0.900", "new-model"):
        assert text in page
    for frame, column in (
        (report.accounts, "account"),
        (report.shared.table, "pseudonym"),
        (report.indicators, "signal"),
    ):
        assert all(name in page for name in frame[column])
    assert all(name in page for name, _ in COMPUTED)
    assert all(code in page for code in ("AML.T0024.002", "AML.T0040", "AML.T0065", "AML.T0008.005", "AML.CS0056"))
    assert report.limits[0] in page and "2 others are left out" in page


def test_the_error_rates_are_those_of_the_model_s_own_report(report: CampaignReport) -> None:
    assert report.method is not None
    page = campaign_page(report)
    for name in ("pr_auc", "recall_at_fpr_0.01", "ece"):
        assert show_estimate(report.method.report.estimate(name)) in page
    assert report.method.report.test_digest[:12] in page
    needs = report.method.report.estimate("recall_at_fpr_0.0001").note
    assert needs and needs in page


def test_nothing_is_fetched_from_anywhere_and_nothing_runs(report: CampaignReport) -> None:
    page = campaign_page(report)
    outside = Outside(page)
    assert outside.fetched == [] and "script" not in outside.tags
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'" in page and "@media print" in page


def test_a_name_that_looks_like_a_tag_stays_text(report: CampaignReport) -> None:
    page = campaign_page(report)
    assert "Example &lt;Provider&gt;" in page and "<Provider>" not in page


def test_bars_of_the_chart_are_as_high_as_the_days(report: CampaignReport) -> None:
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([\d.]+)"', campaign_page(report))]
    daily = report.figures.daily["requests"]
    assert heights == [160 * value / daily.max() for value in daily]


def test_a_long_table_is_cut_and_says_where_the_rest_is(
    report: CampaignReport, changed: Callable[..., CampaignReport]
) -> None:
    many = pl.concat([report.accounts] * 20)
    page = campaign_page(changed(accounts=many))
    assert f"{many.height - MOST_ROWS} more rows are in <code>tables/accounts.csv</code>" in page


def test_no_member_is_told_to_be_certain(report: CampaignReport, changed: Callable[..., CampaignReport]) -> None:
    sure = changed(mean_risk=0.9999, accounts=report.accounts.with_columns(risk=pl.lit(0.99999)))
    page = campaign_page(sure)
    assert "Their mean risk is &gt;0.999." in page
    assert page.count("<td>&gt;0.999</td>") == report.size


def test_without_a_model_no_error_rate_is_claimed(changed: Callable[..., CampaignReport]) -> None:
    page = campaign_page(changed(method=None, mean_risk=None))
    assert "No model has scored the members" in page
    assert "measured error rate" not in page
