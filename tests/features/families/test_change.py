"""The last three days against those before, worked out in plain Python."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from features.text import FLAGS

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
Event = dict[str, Any]
DAY = timedelta(days=1)


def full(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def risen(before: list[float], late: list[float]) -> float | None:
    """Of the mean, the late ones with five more as before."""
    if not before:
        return None
    mean = sum(before) / len(before)
    return (sum(late) + 5 * mean) / (len(late) + 5) - mean


def new(events: list[Event], kind: str, cut: datetime) -> float | None:
    shown = [event for event in events if event[kind] is not None]
    shown_before = {event[kind] for event in shown if event["timestamp"] < cut}
    late = [event[kind] not in shown_before for event in shown if event["timestamp"] >= cut]
    return sum(late) / len(late) if shown_before and late else None


def gone(events: list[Event], kind: str) -> float | None:
    last = max((full(event["timestamp"]) for event in events if event[kind] is not None), default=None)
    return None if last is None else sum(full(event["timestamp"]) > last for event in events) / len(events)


def plain(events: list[Event], as_of: datetime) -> dict[str, float | None]:
    """The family's features of one account."""
    cut = full(as_of) - 3 * DAY
    before = [event for event in events if event["timestamp"] < cut]
    late = [event for event in events if event["timestamp"] >= cut]

    def change(value: Callable[[Event], float], text: bool = False) -> float | None:
        parts = [[value(e) for e in part if not text or e["words"] is not None] for part in (before, late)]
        return risen(*parts)

    asked = [change(lambda e, bit=bit: e["flags"] >> bit & 1, text=True) for bit in range(len(FLAGS))]
    days = max((cut - min(full(event["timestamp"]) for event in events)) / DAY, 1)
    return {
        "volume_change_28d": math.log2((len(late) / 3 + 1) / (len(before) / days + 1)) if before else None,
        "answer_change_28d": change(lambda e: round(math.log2(1 + e["output_tokens"]) * 64) / 64),
        "first_turn_change_28d": change(lambda e: (e["message_count"] or 9) <= 2),
        "asked_change_28d": max((value for value in asked if value is not None), default=None),
        **{f"new_{kind}_28d": new(events, kind, cut) for kind in ("prefix", "subnet", "client")},
        "address_gone_28d": gone(events, "address"),
        "agent_gone_28d": gone(events, "agent"),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events, past.as_of)
        assert set(want) == set(names_of("change"))
        agree(past.features[account], want)


def test_a_stolen_key_is_used_more_and_from_elsewhere(features_of: Read, as_of: Any) -> None:
    owner = [{"timestamp": as_of - DAY * i, "subnet": 1, "client": 1} for i in range(4, 20)]
    thief = [{"timestamp": as_of - DAY, "subnet": 2, "client": 1} for _ in range(30)]
    read = features_of(owner + thief)["a"]
    assert read["new_subnet_28d"] == 1
    assert read["new_client_28d"] == 0
    assert read["volume_change_28d"] > 2


def test_an_account_that_began_within_three_days_has_no_break(features_of: Read, as_of: Any) -> None:
    read = features_of([{"timestamp": as_of - DAY, "subnet": 1}, {"subnet": 2}])["a"]
    assert read["new_subnet_28d"] is read["volume_change_28d"] is read["answer_change_28d"] is None


def test_addresses_that_vanish_are_told_from_those_that_never_were(features_of: Read, as_of: Any) -> None:
    rows = [{"timestamp": as_of - DAY * i, "address": 5 if i > 7 else None} for i in range(10)]
    read = features_of(rows)["a"]
    assert read["address_gone_28d"] == pytest.approx(0.8)
    assert read["agent_gone_28d"] is None
