"""Time to detection."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.detection import NAMES, Detection, detect
from training.evaluation.intervals import draw
from training.examples.dataset import targets
from training.examples.test_set import TestSet, make_test_set

T = datetime(2026, 6, 1, tzinfo=UTC)
DAYS_BEFORE = (14, 7, 3, 1, 0)
TIME = pl.Datetime("us", "UTC")


def course(detected_on: list[int | None], honest: int = 1000, began: int | None = 20, served: bool = True) -> TestSet:
    """True accounts whose risk crosses the threshold so many days before the end (None: never), and honest ones."""
    rows = []
    for i, at in enumerate([*detected_on, *[None] * honest]):
        true = i < len(detected_on)
        for day in DAYS_BEFORE:
            high = true and at is not None and day <= at
            rows.append((f"a{i:05d}", T - timedelta(days=day), True if true else None, 1.0 if high else i / 1e9))
    schema = {"account_id": pl.String, "as_of": TIME, "label": pl.Boolean, "risk": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(campaign=pl.lit(None, pl.String))
    if began is not None:
        frame = frame.with_columns(began=pl.lit(T - timedelta(days=began), TIME))
    if served:
        frame = frame.with_columns(served=(1000 - (pl.lit(T) - pl.col("as_of")).dt.total_days() * 10))
    return make_test_set(frame, "course")


def judge(test: TestSet, replicates: int = 40) -> Detection:
    label = targets(test.frame)
    draws = draw(label, np.full(label.size, -1), replicates, 1)
    return detect(test, label, test.frame["risk"].to_numpy(), lambda rows: rows["risk"].to_numpy(), draws)


def values(detection: Detection) -> dict[str, float | None]:
    return {estimate.name: estimate.value for estimate in detection.estimates}


def test_days_and_requests_are_counted_from_the_first_request_to_the_first_crossing() -> None:
    got = judge(course([14] * 2 + [3] * 6 + [1] * 3 + [None]))
    assert (got.false_positive_rate, got.accounts, got.note) == (0.001, 12, "")
    assert values(got) == pytest.approx(
        {
            "detected": 11 / 12,
            "days": 17.0,  # the sixth of twelve is found three days before the end, twenty after its begin
            "days_90": 19.0,  # and the eleventh one day before it
            "requests": 970.0,
            "requests_90": 990.0,
            "served_share": (2 * 860 + 6 * 970 + 3 * 990 + 1000) / 12_000,
        }
    )


def test_an_account_that_is_never_found_counts_as_found_never() -> None:
    got = judge(course([3] * 5 + [None] * 6))
    assert values(got)["days"] is None
    assert got.estimate("days").note == "fewer than half of the true accounts are detected"
    assert got.estimate("requests").value is None
    assert values(got)["detected"] == pytest.approx(5 / 11)


def test_nine_of_ten_take_longer_than_half_and_may_never_be_found() -> None:
    got = judge(course([14] * 6 + [1] * 4 + [None] * 2))
    assert values(got)["days"] == 6.0
    assert values(got)["days_90"] is values(got)["requests_90"] is None
    assert got.estimate("days_90").note == "fewer than 90% of the true accounts are detected"


def test_half_that_may_not_be_found_leaves_the_interval_open() -> None:
    days = judge(course([3] * 6 + [None] * 5)).estimate("days")
    assert (days.value, days.high) == (17.0, None)
    assert days.note.startswith("no upper bound")


def test_without_the_first_request_days_count_from_the_first_snapshot() -> None:
    assert values(judge(course([3] * 12, began=None)))["days"] == 11.0


def test_without_served_requests_their_figures_say_so() -> None:
    got = judge(course([3] * 12, served=False))
    assert values(got)["requests"] is values(got)["served_share"] is None
    assert got.estimate("requests").note == "the course does not say what was served"
    assert values(got)["detected"] == 1.0


@pytest.mark.parametrize("honest,rate", [(1000, 0.001), (999, 0.01), (100, 0.01), (99, None)])
def test_the_threshold_is_the_strictest_that_the_honest_accounts_carry(honest: int, rate: float | None) -> None:
    got = judge(course([3] * 12, honest=honest))
    assert got.false_positive_rate == rate
    assert (got.note == "") is (rate == 0.001)
    assert bool(got.estimates) is (rate is not None)


def test_few_true_accounts_have_no_figures() -> None:
    got = judge(course([3] * 9))
    assert set(values(got).values()) == {None}
    assert got.estimate("days").note == "needs 10 true accounts, there are 9"
    assert tuple(values(got)) == NAMES


def test_a_set_without_a_course_says_so() -> None:
    test = course([3] * 12)
    got = judge(TestSet(name=test.name, frame=test.frame, digest=test.digest))
    assert got == Detection(note="the test set holds no course of its true accounts")


@given(st.lists(st.sampled_from([14, 7, 3, 1, 0, None]), min_size=10, max_size=25))
def test_the_curve_rises_to_the_share_that_is_found(detected_on: list[int | None]) -> None:
    got = judge(course(detected_on, honest=200), replicates=3)
    shares = [point.share for point in got.curve]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(values(got)["detected"])
    assert values(got)["served_share"] <= 1.0
    if values(got)["days"] is not None:
        least = min(point.days for point in got.curve if point.share >= 0.5)
        assert values(got)["days"] <= least


def test_intervals_go_by_campaign() -> None:
    test = course([3] * 30 + [None] * 30)
    label = targets(test.frame)
    apart = np.full(label.size, -1)
    together = np.where(label, np.arange(label.size) // 30, -1)
    risk = test.frame["risk"].to_numpy()
    widths = []
    for codes in (apart, together):
        draws = draw(label, codes, 200, 1)
        estimate = detect(test, label, risk, lambda rows: rows["risk"].to_numpy(), draws).estimate("detected")
        widths.append(estimate.high - estimate.low)
    assert widths[1] > 2 * widths[0]
