"""Courses of campaigns' accounts, worked out by hand; real worlds are made by the measurement itself."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from benchmarks.detection.early import LOOKS, PAGE, PART, course, format_delay, looks, row, served
from docs_tools.documents import RESULTS
from training.evaluation.detection import Detection
from training.evaluation.metrics import Estimate

TIME = pl.Datetime("us", "UTC")
DAY = timedelta(days=1)
START = datetime(2026, 5, 1, tzinfo=UTC)
TIMES = [START + i * DAY for i in (1, 2, 3)]


def truth() -> pl.DataFrame:
    """An account of two campaigns, the second of which lasts longer, and an honest one."""
    rows = [
        ("c", True, "one", START + DAY, START + 1.5 * DAY),
        ("c", True, "two", START + 1.2 * DAY, START + 2.5 * DAY),
        ("h", False, None, None, None),
    ]
    schema = {"account_id": pl.String, "label": pl.Boolean, "campaign": pl.String, "start": TIME, "end": TIME}
    return pl.DataFrame(rows, schema=schema, orient="row")


def requests() -> pl.LazyFrame:
    """One each six hours, of both accounts."""
    times = [START + i * DAY / 4 for i in range(12)]
    rows = [(name, time) for name in ("c", "h") for time in times]
    return pl.LazyFrame(rows, schema={"account_id": pl.String, "timestamp": TIME}, orient="row")


def seen() -> pl.DataFrame:
    rows = [(name, time, 0.5) for name in ("c", "h") for time in TIMES]
    return pl.DataFrame(rows, schema={"account_id": pl.String, "as_of": TIME, "x": pl.Float32}, orient="row")


def test_a_world_is_looked_at_on_midnights_evenly_apart_up_to_its_end() -> None:
    end = START + 10 * DAY
    assert looks(START + timedelta(hours=5), end) == [START + i * DAY for i in range(1, 11)]
    long = looks(START, START + 50 * DAY)
    assert (len(long) <= LOOKS, long[-1] - long[-2], long[-1]) == (True, 3 * DAY, START + 50 * DAY)


def test_requests_of_the_campaign_are_counted_and_no_others() -> None:
    counts = served(requests(), truth(), TIMES).sort("as_of").select("account_id", "served", "as_of").rows()
    # on the second day the campaign begins, at its very midnight; it ends at noon of the third
    assert counts == [("c", 1, TIMES[0]), ("c", 5, TIMES[1]), ("c", 7, TIMES[2])]


def test_the_course_of_an_account_begins_with_its_campaign() -> None:
    late = served(requests(), truth(), TIMES[1:])
    test = course(seen(), truth(), late, "a world")
    assert test.frame.select("account_id", "label", "as_of").rows() == [("c", True, TIMES[2]), ("h", None, TIMES[2])]
    assert test.course.select("as_of", "served").rows() == [(TIMES[1], 5), (TIMES[2], 7)]
    assert test.course["began"].unique().to_list() == [START + DAY]


@pytest.mark.parametrize(
    "estimate,text",
    [
        (Estimate(name="days", value=4.0, low=2.6, high=9.0), "4 [3, 9]"),
        (Estimate(name="days", value=4.0, low=2.0, note="no upper bound: half of them may"), "4 [2, never]"),
        (Estimate(name="days", value=None, note="fewer than half of the true accounts are detected"), "never"),
        (Estimate(name="days", value=None, note="needs 10 true accounts, there are 9"), "-"),
    ],
)
def test_what_is_never_found_is_told_apart_from_what_is_not_known(estimate: Estimate, text: str) -> None:
    assert format_delay(estimate, "{:,.0f}".format) == text


def test_a_world_with_too_few_honest_accounts_says_so_in_its_row() -> None:
    cells = row("tiny", 40, Detection(note="needs 100 accounts that are not true, there are 40"))
    assert cells[:4] == ["tiny", "40", "0", "needs 100 accounts that are not true, there are 40"]
    assert len(cells) == 10


def test_the_page_has_a_place_for_it() -> None:
    page = (RESULTS / PAGE).read_text(encoding="utf-8")
    assert f"<!-- {PART} -->" in page
    assert f"<!-- /{PART} -->" in page
