"""Tables of a judgement that is made up."""

from benchmarks.foreign.tables import campaign_lines, cohort_lines, family_lines, headline_lines
from docs_tools.documents import RESULTS

PART = {"value": 0.5, "low": 0.25, "high": 0.75}
JUDGED = {
    "as_of": "2026-03-12 00:00:00+00:00",
    "accounts": {
        "judged": 1_200,
        "bad": 60,
        "base_rate": 0.05,
        "ece_15": 0.0123,
        "metrics": {"PR-AUC": PART, "recall at FPR 0.1%": PART | {"value": 0.4}},
        "families": {name: {"accounts": 30, "0.01": PART, "0.001": PART} for name in ("A", "B")},
        "cohorts": {"chat": {"accounts": 1_000, "0.01": 9, "0.001": 1}},
    },
    "campaigns": {
        "groups": 3,
        "precision": 0.5,
        "recall": 0.25,
        "f1": 1 / 3,
        "honest_groups": {"x": {"accounts": 40, "mostly": "classroom"}},
        "campaigns": {"oak": {"members": 30, "jaccard": 0.5, "purity": 1.0, "in_no_group": 0.5}},
    },
    "time_to_detection": {
        "A": {"detected": "2026-03-07", "days_after_start": 5.2, "share_before": 0.41},
        "B": {"detected": None},
    },
}


def test_the_headline_has_a_row_for_ours_and_each_rival_with_its_intervals() -> None:
    scope, _, head, _, *rows = headline_lines(JUDGED, {"rival": JUDGED}, "Version 1 is the champion now. And more.")
    assert scope == (
        "As of 2026-03-12, 1,200 accounts without a label are judged, 60 of them campaign members (5.0%). "
        "The first training: Version 1 is the champion now."
    )
    assert head == "| model | PR-AUC | recall at FPR 0.1% | calibration error |"
    figures = "0.500 [0.250, 0.750] | 0.400 [0.250, 0.750] | 0.012 |"
    assert rows == [f"| stillwatch | {figures}", f"| rival | {figures}"]


def test_a_family_that_was_never_found_says_so() -> None:
    rows = family_lines(JUDGED)[2:]
    assert [row.split(" | ")[-1] for row in rows] == ["41% (5 days) |", "never |"]


def test_honest_cohorts_are_counted() -> None:
    assert cohort_lines(JUDGED)[2:] == ["| chat | 1,000 | 9 (0.9%) | 1 (0.1%) |"]


def test_groups_of_honest_accounts_are_named() -> None:
    lines = campaign_lines(JUDGED)
    assert lines[0] == (
        "Reported: 3 groups, 1 of them of honest accounts only (40 classroom). Over pairs of accounts: "
        "precision 0.500, recall 0.250, F1 0.333."
    )
    assert lines[-1] == "| oak | 30 | 0.50 | 1.00 | 0.50 |"


def test_the_page_has_a_place_for_it() -> None:
    page = (RESULTS / "foreign.md").read_text(encoding="utf-8")
    assert "<!-- whole -->" in page
    assert "<!-- /whole -->" in page
