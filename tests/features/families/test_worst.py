"""The worst day and hour, worked out in plain Python."""

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from features.text import FLAGS

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
RUBRIC = 1 << list(FLAGS).index("rubric")
ASKED = ("stepwise", "explain", "rubric", "generate", "rewrite", "jailbreak", "clean_trace", "refusal")


def worst(values: list[list[float]]) -> float | None:
    """The largest of the days' means, each with five requests more at the mean of all."""
    every = [value for day in values for value in day]
    if not every:
        return None
    mean = sum(every) / len(every)
    return max((sum(day) + 5 * mean) / (len(day) + 5) for day in values)


def plain(events: list[dict[str, Any]]) -> dict[str, float | None]:
    """The family's features of one account."""
    days, hours = defaultdict(list), defaultdict(int)
    for event in events:
        days[event["timestamp"].date()].append(event)
        hours[event["timestamp"].replace(minute=0, second=0, microsecond=0)] += 1

    def of_days(value: Callable[[dict[str, Any]], float], text: bool = False) -> float | None:
        return worst([[value(e) for e in day if not text or e["words"] is not None] for day in days.values()])

    flags = {flag: of_days(lambda e, bit=bit: e["flags"] >> bit & 1, text=True) for bit, flag in enumerate(FLAGS)}
    return {
        "worst_asked_28d": max((flags[flag] for flag in ASKED if flags[flag] is not None), default=None),
        "worst_schema_28d": flags["schema"],
        "worst_first_turn_28d": of_days(lambda e: (e["message_count"] or 9) <= 2),
        "worst_throttled_28d": of_days(lambda e: e["status_code"] == 429),
        "worst_answer_28d": of_days(lambda e: round(math.log2(1 + e["output_tokens"]) * 64) / 64),
        "busiest_hour_28d": math.log2(max(hours.values())),
        "busiest_hour_share_28d": (max(hours.values()) - 1) / (len(events) - 1) if len(events) > 1 else None,
        "most_hours_28d": max(sum(hour.date() == day for hour in hours) for day in days),
        "most_output_28d": math.log2(1 + max(sum(e["output_tokens"] for e in day) for day in days.values())),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events)
        assert set(want) == set(names_of("worst"))
        agree(past.features[account], want)


def test_one_bad_day_among_thirty_shows(features_of: Read, as_of: Any) -> None:
    day = timedelta(days=1)
    good = [{"timestamp": as_of - day * i, "words": 9, "prefix": 1, "flags": 0} for i in range(20) for _ in range(9)]
    bad = [{"timestamp": as_of - day * 20, "words": 9, "prefix": 1, "flags": RUBRIC} for _ in range(20)]
    read = features_of(good + bad)["a"]
    assert read["rubric_share_28d"] == pytest.approx(0.1)
    assert read["worst_asked_28d"] == pytest.approx((20 + 0.5) / 25)


def test_a_day_of_one_request_is_no_evidence(features_of: Read, as_of: Any) -> None:
    rows = [{"timestamp": as_of - timedelta(days=i), "words": 9, "prefix": 1, "flags": 0} for i in range(19)]
    bad = {"timestamp": as_of - timedelta(days=20), "words": 9, "prefix": 1, "flags": RUBRIC}
    assert features_of([*rows, bad])["a"]["worst_asked_28d"] == pytest.approx((1 + 5 / 20) / 6)


def test_without_text_nothing_is_known_of_it(features_of: Read) -> None:
    read = features_of([{}])["a"]
    assert read["worst_asked_28d"] is read["worst_schema_28d"] is None
    assert read["busiest_hour_share_28d"] is None
