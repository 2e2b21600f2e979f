"""Sessions, the clock and the first days, worked out in plain Python."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
DAY = timedelta(days=1)


def full(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def runs(minutes: list[int]) -> list[int]:
    """Lengths of runs of minutes that are less than 30 apart."""
    begins = [i for i, at in enumerate(minutes) if i == 0 or at - minutes[i - 1] >= 30]
    return [minutes[end - 1] - minutes[begin] for begin, end in zip(begins, [*begins[1:], len(minutes)], strict=True)]


def plain(events: list[dict[str, Any]], first: datetime, as_of: datetime) -> dict[str, float | None]:
    """The family's features of one account."""
    times = [event["timestamp"] for event in events]
    sessions = runs(sorted({int(time.timestamp()) // 60 for time in times}))
    hours, days = Counter(map(full, times)), Counter(time.date() for time in times)
    busy = [event for event in events if hours[full(event["timestamp"])] * 2 >= max(hours.values())]
    slots = Counter(time.minute // 5 for time in times)
    pairs = len(times) * (len(times) - 1)
    later = [full(time) for time in times if full(time) >= min(hours) + DAY]
    is_new = full(first) >= full(as_of) - 28 * DAY
    throttled = {event["timestamp"].date() for event in events if event["status_code"] == 429}
    near = [day for day, n in days.items() if n >= 0.8 * max(days.values())]
    half = min(hour for hour in hours if hours[hour] * 2 >= max(hours.values()))
    return {
        "sessions_per_day_28d": len(sessions) / len(days),
        "session_minutes_28d": sum(round(math.log2(1 + n) * 64) for n in sessions) / len(sessions) / 64,
        "longest_session_28d": math.log2(1 + max(sessions)),
        "session_requests_28d": math.log2(len(times) / len(sessions)),
        "brief_sessions_28d": sessions.count(0) / len(sessions),
        "clock_focus_28d": 12 * sum(n * (n - 1) for n in slots.values()) / pairs if pairs else None,
        "same_hour_share_28d": sum(hour - DAY in hours for hour in later) / len(later) if later else None,
        "first_day_share_28d": sum(full(t) - full(first) < DAY for t in times) / len(times) if is_new else None,
        "hours_to_half_peak_28d": math.log2(1 + (half - full(first)) / timedelta(hours=1)) if is_new else None,
        "near_peak_days_28d": len(near) / len(days),
        "below_limit_days_28d": len(set(near) - throttled) / len(days),
        "near_peak_hours_28d": sum(10 * n >= 9 * max(hours.values()) for n in hours.values()) / len(hours),
        "throttled_at_peak_28d": sum(event["status_code"] == 429 for event in busy) / len(busy),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events, past.first[account], past.as_of)
        assert set(want) == set(names_of("sessions"))
        agree(past.features[account], want)


def test_a_pause_of_half_an_hour_ends_a_session(features_of: Read, as_of: Any) -> None:
    ago = [0, 29, 58, 88, 200]
    read = features_of([{"timestamp": as_of - timedelta(minutes=minutes)} for minutes in ago])["a"]
    assert read["longest_session_28d"] == pytest.approx(math.log2(59))
    assert read["brief_sessions_28d"] == pytest.approx(2 / 3)
    assert read["session_requests_28d"] == pytest.approx(math.log2(5 / 3))


def test_a_job_of_every_morning_comes_by_the_clock(features_of: Read, as_of: Any) -> None:
    read = features_of([{"timestamp": as_of - DAY * i} for i in range(10)])["a"]
    assert read["clock_focus_28d"] == 12
    assert read["same_hour_share_28d"] == read["near_peak_days_28d"] == 1


def test_an_account_that_keeps_just_below_its_limit_is_near_its_peak_and_never_throttled(
    features_of: Read, as_of: Any
) -> None:
    counts = {0: 10, 1: 9, 2: 8, 3: 9}  # one hour of each day
    rows = [{"timestamp": as_of - DAY * day} for day, n in counts.items() for _ in range(n)]
    read = features_of([*rows, {"timestamp": as_of - DAY * 3, "status_code": 429}])["a"]
    assert read["near_peak_hours_28d"] == 0.75
    assert read["near_peak_days_28d"] == 1
    assert read["below_limit_days_28d"] == 0.75


def test_sessions_of_one_account_do_not_reach_into_the_next(features_of: Read, as_of: Any) -> None:
    early = as_of - timedelta(minutes=3)
    read = features_of([{"account_id": "a", "timestamp": early}, {"account_id": "b", "timestamp": as_of}])
    assert read["a"]["longest_session_28d"] == read["b"]["longest_session_28d"] == 0


def test_the_first_day_of_an_older_account_is_unknown(features_of: Read, as_of: Any) -> None:
    read = features_of([{"timestamp": as_of - 40 * DAY}, {}])["a"]
    assert read["first_day_share_28d"] is read["hours_to_half_peak_28d"] is None
