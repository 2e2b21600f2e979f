"""Two kinds of traffic in one account, from pairs of requests counted one by one."""

import math
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from features.text import FLAGS

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]


def correlation(values: list[tuple[Any, float]], floor: float | None = None) -> float | None:
    """Of two different requests of one hour; `values` are hours and numbers."""
    pairs = list(permutations(values, 2))
    near = [a * b for (hour, a), (other, b) in pairs if hour == other]
    if not near:
        return None
    numbers = [value for _, value in values]
    overall = sum(a * b for (_, a), (_, b) in pairs) / len(pairs)
    mean = (sum(numbers) + 1) / (len(numbers) + 2)
    of_lengths = sum(n * n for n in numbers) / len(numbers) - overall
    spread = mean * (1 - mean) if floor is None else max(of_lengths, floor)
    return (sum(near) / len(near) - overall) / spread


def plain(events: list[dict[str, Any]]) -> dict[str, float | None]:
    """The family's features of one account."""

    def of(value: Callable[[dict[str, Any]], float], text: bool = False, floor: float | None = None) -> float | None:
        chosen = [event for event in events if not text or event["words"] is not None]
        return correlation(
            [(e["timestamp"].replace(minute=0, second=0, microsecond=0), value(e)) for e in chosen], floor
        )

    def log(name: str) -> Callable[[dict[str, Any]], float]:
        return lambda e: round(math.log2(1 + e[name]) * 64)

    return {
        "first_turns_mixture_28d": of(lambda e: (e["message_count"] or 9) <= 2),
        "with_tools_mixture_28d": of(lambda e: (e["tool_count"] or 0) > 0),
        "streamed_mixture_28d": of(lambda e: bool(e["stream"])),
        "with_system_mixture_28d": of(lambda e: e["system"] is not None),
        **{
            f"{flag}_mixture_28d": of(lambda e, bit=bit: e["flags"] >> bit & 1, text=True)
            for bit, flag in enumerate(FLAGS)
            if flag in ("schema", "code", "generate")
        },
        "input_mixture_28d": of(log("input_tokens"), floor=256),
        "output_mixture_28d": of(log("output_tokens"), floor=256),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in list(past.events.items())[:12]:
        want = plain(events)
        assert set(want) == set(names_of("mixture"))
        agree(past.features[account], want, tolerance=1e-4)


def test_hours_of_one_kind_each_are_told_from_hours_of_both(features_of: Read, as_of: Any) -> None:
    hour = timedelta(hours=1)
    apart = [{"timestamp": as_of - hour * i, "tool_count": i % 2} for i in range(20) for _ in range(6)]
    mixed = [{"timestamp": as_of - hour * i, "tool_count": j % 2} for i in range(20) for j in range(6)]
    assert features_of(apart)["a"]["with_tools_mixture_28d"] == pytest.approx(1, abs=0.02)
    assert features_of(mixed)["a"]["with_tools_mixture_28d"] == pytest.approx(-0.2, abs=0.02)


def test_the_mean_is_nothing_for_chance_however_few_the_requests_are(features_of: Read, as_of: Any) -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"account_id": f"a{n}", "timestamp": as_of - timedelta(hours=int(rng.integers(9))), "tool_count": int(tools)}
        for n in range(300)
        for tools in rng.random(12) < 0.3
    ]
    values = [read["with_tools_mixture_28d"] for read in features_of(rows).values()]
    assert np.mean([value for value in values if value is not None]) == pytest.approx(0, abs=0.03)


def test_one_kind_alone_is_no_mixture_and_no_two_requests_in_an_hour_say_nothing(features_of: Read, as_of: Any) -> None:
    assert features_of([{}, {}])["a"]["streamed_mixture_28d"] == 0
    assert features_of([{}])["a"]["streamed_mixture_28d"] is None
