import math
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import cases

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
GAPS = {
    "gap_median_28d",
    "gap_spread_28d",
    "gap_variation_28d",
    "top_gap_share_28d",
    "adjacent_share_28d",
    "probe_interval_28d",
}


def entropy(counts: list[int]) -> float:
    return -sum(n / sum(counts) * math.log2(n / sum(counts)) for n in counts)


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def longest_run(active: set[int], size: int) -> int:
    runs, run = [0], 0
    for i in range(size):
        run = 0 if i in active else run + 1
        runs.append(run)
    return max(runs)


def plain(times: list[datetime], as_of: datetime) -> dict[str, float | None]:
    """The family's features of one account from its requests' times."""
    hour = as_of.replace(minute=0, second=0, microsecond=0)
    week = {int((t - hour + timedelta(days=7)).total_seconds() // 3600) for t in times if t >= hour - timedelta(days=7)}
    days = Counter(t.date() for t in times)
    daily = [days[day] for day in sorted(days)]
    half = next(day for day in sorted(days) if days[day] * 2 >= max(daily))
    of_day = [sum(t.hour == h for t in times) for h in range(24)]
    slots = Counter(t.replace(minute=t.minute // 5 * 5, second=0, microsecond=0) for t in times)
    hours = {t.replace(minute=0, second=0, microsecond=0) for t in times}
    counts = [slots[h + timedelta(minutes=5 * i)] for h in hours for i in range(12)]
    return {
        "active_hours_7d": min(len(week), 168) / 168 if week else None,
        "longest_idle_7d": longest_run(week, 169) if week else None,
        "active_days_28d": len(days),
        "daily_variation_28d": statistics.pstdev(daily) / statistics.mean(daily),
        "peak_day_share_28d": max(daily) / len(times),
        "days_to_half_peak_28d": (half - min(days)).days,
        "hour_entropy_28d": entropy([n for n in of_day if n]),
        "night_share_28d": min(sum((of_day * 2)[h : h + 8]) for h in range(24)) / len(times),
        "weekend_share_28d": sum(t.isoweekday() > 5 for t in times) / len(times),
        "burstiness_28d": statistics.pvariance(counts) / statistics.mean(counts),
        **plain_week(times, hour - timedelta(days=7)),
        **plain_gaps(times),
    }


def plain_week(times: list[datetime], cut: datetime) -> dict[str, float | None]:
    late = Counter((t.weekday(), t.hour) for t in times if t >= cut)
    before = Counter((t.weekday(), t.hour) for t in times if t < cut)
    lengths = math.hypot(*late.values()) * math.hypot(*before.values())
    return {
        "week_entropy_28d": entropy(list((late + before).values())),
        "week_likeness_28d": share(sum(n * before[at] for at, n in late.items()), lengths),
    }


def plain_probes(minutes: list[int]) -> float | None:
    lone = [minute for minute in minutes if not any(0 < abs(minute - other) <= 10 for other in minutes)]
    gaps = Counter(b - a for a, b in pairwise(lone))
    if gaps.total() < 3:
        return None
    return max(gaps[at - 1] + gaps[at] + gaps[at + 1] for gap in gaps for at in (gap - 1, gap, gap + 1)) / gaps.total()


def plain_gaps(times: list[datetime]) -> dict[str, float | None]:
    minutes = sorted({int(t.timestamp()) // 60 for t in times})
    gaps = [b - a for a, b in pairwise(minutes)]
    if not gaps:
        return dict.fromkeys(GAPS)
    short = [gap for gap in gaps if gap < 360]
    long = [gap for gap in gaps if gap > 1]
    logs = [round(math.log2(gap) * 64) / 64 for gap in gaps]
    return {
        "gap_median_28d": math.log2(statistics.median(gaps)),
        "gap_spread_28d": statistics.pstdev(logs),
        "gap_variation_28d": statistics.pstdev(short) / statistics.mean(short) if short else None,
        "top_gap_share_28d": share(max(Counter(long).values(), default=0), len(long)),
        "adjacent_share_28d": gaps.count(1) / len(gaps),
        "probe_interval_28d": plain_probes(minutes),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain([event["timestamp"] for event in events], past.as_of)
        assert set(want) == set(names_of("rhythm"))
        agree(past.features[account], want)


@given(ago=st.lists(st.integers(0, 28 * 86_400) | st.integers(0, 7_200), min_size=1, max_size=12))
@settings(max_examples=cases(20))
def test_any_few_requests_are_read_as_by_plain_python(
    ago: list[int], features_of: Read, as_of: Any, agree: Any
) -> None:
    times = sorted(as_of - timedelta(seconds=seconds) for seconds in ago)
    read = features_of([{"timestamp": time} for time in times])["a"]
    agree(read, plain(times, as_of))


def test_a_machine_that_asks_every_ten_minutes_never_sleeps_and_is_even(features_of: Read, as_of: Any) -> None:
    times = [as_of - timedelta(minutes=10 * i) for i in range(6 * 24 * 7 + 3)]
    read = features_of([{"timestamp": time} for time in times])["a"]
    assert read["active_hours_7d"] == 1
    assert read["longest_idle_7d"] == 0
    assert read["gap_variation_28d"] == read["gap_spread_28d"] == 0
    assert read["top_gap_share_28d"] == 1
    assert read["adjacent_share_28d"] == 0
    assert read["hour_entropy_28d"] == pytest.approx(math.log2(24), abs=1e-3)
    assert read["night_share_28d"] == pytest.approx(1 / 3, abs=0.01)
    assert read["burstiness_28d"] == pytest.approx(0.5, abs=0.01)


def test_a_person_of_office_hours_sleeps_at_night(features_of: Read, as_of: Any) -> None:
    morning = as_of.replace(hour=9, minute=0, second=0)
    days = [morning - timedelta(days=day) for day in range(21) if (morning - timedelta(days=day)).weekday() < 5]
    times = [day + timedelta(hours=hour, minutes=7 * hour) for day in days for hour in range(8)]
    read = features_of([{"timestamp": time} for time in times])["a"]
    assert read["night_share_28d"] == 0
    assert read["weekend_share_28d"] == 0
    assert read["longest_idle_7d"] > 60  # Friday evening to Monday morning
    assert read["hour_entropy_28d"] == pytest.approx(3, abs=0.05)


def test_the_quietest_hours_may_span_midnight(features_of: Read, as_of: Any) -> None:
    midnight = as_of.replace(hour=0, minute=5, second=0)
    times = [midnight - timedelta(days=1) + timedelta(hours=hour) for hour in range(5, 20)]
    assert features_of([{"timestamp": time} for time in times])["a"]["night_share_28d"] == 0


def test_one_request_has_no_gaps(names_of: Names, features_of: Read) -> None:
    read = features_of([{}])["a"]
    assert {name for name in names_of("rhythm") if read[name] is None} == {*GAPS, "week_likeness_28d"}


def test_probes_among_bursts_of_other_traffic_are_seen(features_of: Read, as_of: Any) -> None:
    probes = [as_of - timedelta(minutes=61 * i + i % 2) for i in range(9)]  # every hour or so, to a minute
    others = [as_of - timedelta(minutes=61 * i + 30 + k + i) for i in range(5) for k in range(4)]
    read = features_of([{"timestamp": time} for time in [*probes, *others]])["a"]
    assert read["probe_interval_28d"] == 1
    assert read["top_gap_share_28d"] < 0.5


def test_a_few_lone_requests_have_no_interval(features_of: Read, as_of: Any) -> None:
    times = [as_of - timedelta(hours=i) for i in range(3)]
    assert features_of([{"timestamp": time} for time in times])["a"]["probe_interval_28d"] is None


def test_the_same_timetable_is_alike_whatever_the_volume(features_of: Read, as_of: Any) -> None:
    lately = [as_of - timedelta(days=1), as_of - timedelta(days=2)]
    before = [time - timedelta(days=7 * week) for time in lately for week in (1, 2, 3)]
    elsewhere = [as_of - timedelta(days=10, hours=5)]
    same = features_of([{"timestamp": time} for time in lately + before])["a"]
    assert same["week_likeness_28d"] == pytest.approx(1)
    assert same["week_entropy_28d"] == 1
    other = features_of([{"timestamp": time} for time in lately + elsewhere])["a"]
    assert other["week_likeness_28d"] == 0


def test_gaps_of_one_account_do_not_reach_into_the_next(features_of: Read, as_of: Any) -> None:
    early, late = as_of - timedelta(days=3), as_of
    read = features_of([{"account_id": "a", "timestamp": early}, {"account_id": "b", "timestamp": late}])
    assert read["a"]["gap_median_28d"] is read["b"]["gap_median_28d"] is None
