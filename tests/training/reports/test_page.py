"""The page that shows models side by side: self-contained, escaped, and with the figures of the reports."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.fitting.train import Trained
from training.gate.promotion import Decision, force
from training.models.candidate import OURS
from training.reports.page import comparison_page
from training.reports.text import metric_name, show_estimate

NASTY = "<script>alert('x')</script><img src=http://example.org/x onerror=y>&amp;\"'"
REFUSED = Decision(False, ("Worse on the worst family.", "Too slow."))


class Reader(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    @property
    def attributes(self) -> set[str]:
        """The names of all attributes."""
        return {name for _, attributes in self.tags for name in attributes}


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.text = " ".join(reader.text.split())
    return reader


def renamed(report: Report, name: str) -> Report:
    """With a name that somebody else chose wherever a report holds one."""
    slices = tuple(test_slice.model_copy(update={"name": name}) for test_slice in report.slices)
    noted = report.detection.model_copy(update={"note": name})
    update = {"slices": slices, "notes": (name,), "test_name": name, "detection": noted}
    return report.model_copy(update=update)


def test_each_named_metric_stands_beside_its_value_and_interval_in_each_report(trained: Trained) -> None:
    text = read(comparison_page(trained.reports)).text
    for estimate in trained.report.estimates:
        if estimate.value is not None:
            assert metric_name(estimate) in text
        for report in trained.reports.values():
            assert show_estimate(report.estimate(estimate.name)) in text
    assert all(name in text for name in trained.reports)


def test_the_worst_families_and_cohorts_come_first(trained: Trained) -> None:
    html = comparison_page(trained.reports)
    families, cohorts = (
        html.index("Families with the lowest recall"),
        html.index("Cohorts with the highest false-positive rate"),
    )
    family = trained.report.worst("family", "recall_at_fpr_0.01")
    worst = trained.report.worst("cohort", "false_positive_rate_at_fpr_0.01")
    assert family is not None
    assert worst is not None
    listed = re.findall(r">(cohort \d) <span", html[cohorts:])
    assert listed[0] == worst.name
    assert len(listed) == 4
    assert re.findall(r">(family \d) <span", html[families:cohorts])[0] == family.name


def test_what_the_counts_cannot_carry_is_a_dash_with_its_reason(trained: Trained) -> None:
    reader = read(comparison_page(trained.reports))
    note = trained.report.estimate("recall_at_fpr_0.0001").note
    assert note in reader.text
    assert note in {attributes.get("title") for tag, attributes in reader.tags if tag == "td"}


@pytest.mark.parametrize(
    ("decision", "sentences"),
    [
        (None, "The gate has not decided yet."),
        (REFUSED, "The gate did not promote it. Worse on the worst family. Too slow."),
        (Decision(True, ("Not worse.",)), "The gate promoted it. Not worse."),
        (force(REFUSED, "a drill"), "Promoted by a person, whatever the gate says: a drill Worse on the worst family."),
    ],
)
def test_the_decision_of_the_gate_is_shown_with_its_reasons(
    trained: Trained, decision: Decision | None, sentences: str
) -> None:
    assert sentences in read(comparison_page(trained.reports, decision)).text


def test_differences_on_the_same_accounts_are_shown_with_their_sign(trained: Trained) -> None:
    differences = {
        "champion": (Estimate(name="pr_auc", value=0.02, low=-0.01, high=0.05), Estimate(name="ece", value=-0.5))
    }
    text = read(comparison_page(trained.reports, None, differences)).text
    assert "Difference from champion on the same accounts" in text
    assert "+0.020 [-0.010, +0.050]" in text


def test_the_page_holds_no_script_and_nothing_from_outside(trained: Trained) -> None:
    html = comparison_page(trained.reports, REFUSED)
    reader = read(html)
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "iframe", "img", "link", "object", "embed", "form", "a", "base"}
    assert not any(name.startswith("on") or name in {"src", "href"} for name in reader.attributes)
    assert "://" not in html
    assert "url(" not in html
    policy = next(attributes for tag, attributes in reader.tags if tag == "meta" and "http-equiv" in attributes)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_whatever_a_name_holds_becomes_text(trained: Trained) -> None:
    reports = {NASTY: renamed(trained.report, NASTY), "b": renamed(trained.reports["volume_rule"], NASTY)}
    decision = replace(REFUSED, reasons=(NASTY,), forced=NASTY)
    html = comparison_page(reports, decision, {NASTY: (Estimate(name=NASTY, value=0.1, note=NASTY),)})
    reader = read(html)
    plain = read(comparison_page({OURS: trained.report, "b": trained.reports["volume_rule"]}, decision)).tags
    assert {tag for tag, _ in reader.tags} <= {tag for tag, _ in plain}
    assert NASTY in reader.text
    assert not any(name.startswith("on") or name in {"src", "href"} for name in reader.attributes)


@pytest.mark.parametrize("name", ["{{ 7 * 191 }}", "{% include 'page.html' %}", '" onmouseover="x', "</style></title>"])
def test_a_name_is_never_read_as_template_or_markup(trained: Trained, name: str) -> None:
    reader = read(comparison_page({name: renamed(trained.report, name)}, Decision(False, (name,))))
    assert name in reader.text
    assert "1337" not in reader.text
    assert not any(attribute.startswith("on") for attribute in reader.attributes)


def test_a_page_of_one_report_without_slices_is_possible(trained: Trained) -> None:
    bare = trained.report.model_copy(update={"slices": (), "queue": (), "costs": (), "campaigns": ()})
    text = read(comparison_page({OURS: bare})).text
    assert "Families with the lowest recall" not in text
    assert show_estimate(bare.estimate("pr_auc")) in text
