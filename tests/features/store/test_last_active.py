"""When accounts are read out: as of the time asked about, or of the end of their last active week."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from features.store.last_active import WEEK, active_times, earlier_week_ends

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
hours = st.integers(0, 24 * 60).map(lambda count: MONDAY + count * HOUR)


def seen(**last: datetime) -> pl.DataFrame:
    kinds = {"account_id": pl.String, "first_seen": pl.Datetime("us", "UTC"), "last_seen": pl.Datetime("us", "UTC")}
    return pl.DataFrame([(name, time, time) for name, time in last.items()], kinds, orient="row")


@given(hours, hours)
def test_an_account_is_read_out_after_its_last_request_and_at_most_a_week_after_it(a: datetime, b: datetime) -> None:
    last, as_of = min(a, b), max(a, b) + HOUR
    time = active_times(seen(x=last), as_of)["active_at"].item()
    assert last + HOUR <= time <= as_of
    assert time - last <= WEEK + HOUR


@given(hours, st.integers(0, 24 * 60))
def test_once_silent_an_account_is_read_out_at_the_same_time_for_good(last: datetime, later: int) -> None:
    as_of = last + WEEK + HOUR + later * HOUR
    times = [active_times(seen(x=last), time)["active_at"].item() for time in (as_of, as_of + 3 * WEEK)]
    assert times[0] == times[1]
    assert times[0].weekday() == 0 and times[0].hour == 0


def test_who_was_active_within_seven_days_is_read_out_now() -> None:
    as_of = MONDAY + timedelta(days=30, hours=5)
    times = active_times(seen(new=as_of - WEEK, old=as_of - WEEK - HOUR), as_of)
    assert dict(times.iter_rows()) == {"new": as_of, "old": MONDAY + 4 * WEEK}


@given(hours, hours)
def test_the_ends_of_all_earlier_weeks_are_listed_and_no_later_one(a: datetime, b: datetime) -> None:
    first, as_of = min(a, b), max(a, b) + HOUR
    ends = earlier_week_ends(seen(x=first, y=as_of - HOUR), as_of)
    assert all(first < end < as_of and end.weekday() == 0 for end in ends)
    assert ends == sorted(set(ends))
    assert len(ends) == len([i for i in range(60) if first < MONDAY + i * WEEK < as_of])


def test_weeks_after_the_last_request_are_not_listed_however_late_it_is() -> None:
    ends = earlier_week_ends(seen(x=MONDAY, y=MONDAY + WEEK), datetime(2200, 1, 1, tzinfo=UTC))
    assert ends == [MONDAY + WEEK, MONDAY + 2 * WEEK]


def test_without_accounts_there_are_no_weeks() -> None:
    assert earlier_week_ends(seen(), MONDAY) == []
