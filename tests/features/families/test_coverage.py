"""Different keys among ten requests, and how their number grows, worked out in plain Python."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
Event = dict[str, Any]
NAMES = {
    "prefix": "prefixes",
    "skeleton": "frames",
    "cell": "cells",
    "language": "languages",
    "max_tokens": "limits",
}


def full(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def in_ten(counts: Counter[int]) -> float | None:
    n = counts.total()
    return sum(1 - math.comb(n - m, 10) / math.comb(n, 10) for m in counts.values()) if n >= 10 else None


def agreement(counts: Counter[int]) -> float | None:
    n = counts.total()
    return sum(m * (m - 1) for m in counts.values()) / (n * (n - 1)) if n > 1 else None


def growth(events: list[Event], kind: str) -> float | None:
    """The earlier half ends with the hour in which half of the requests are reached."""
    hours = sorted(full(event["timestamp"]) for event in events)
    half = hours[(len(hours) + 1) // 2 - 1]
    early = [event for event in events if full(event["timestamp"]) <= half]
    late = [event for event in events if full(event["timestamp"]) > half]
    early_keys, every = ({event[kind] for event in part if event[kind] is not None} for part in (early, events))
    if not late or not every:
        return None
    return math.log2((len(every - early_keys) + 1) / (len(late) + 2) / ((len(early_keys) + 1) / (len(early) + 2)))


def plain(events: list[Event]) -> dict[str, float | None]:
    """The family's features of one account."""
    keys = {kind: Counter(e[kind] for e in events if e[kind] is not None) for kind in (*NAMES, "exact")}
    agree = {kind: agreement(counts) for kind, counts in keys.items()}

    def behind(frame: str, fill: str) -> float | None:
        ones, others = agree[frame], agree[fill]
        return None if ones is None or others is None else math.log2((ones + 0.001) / (others + 0.001))

    return {
        **{f"{name}_in_ten_28d": in_ten(keys[kind]) for kind, name in NAMES.items()},
        **{f"{kind}_growth_28d": growth(events, kind) for kind in ("exact", "cell", "skeleton")},
        "fills_28d": behind("prefix", "exact"),
        "frame_fills_28d": behind("skeleton", "exact"),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events)
        assert set(want) == set(names_of("coverage"))
        agree(past.features[account], want, tolerance=1e-4)


def test_a_sweep_goes_on_while_a_person_comes_back(features_of: Read, as_of: Any) -> None:
    hour = timedelta(hours=1)
    sweep = [{"timestamp": as_of - hour * i, "exact": i} for i in range(40)]
    person = [{"timestamp": as_of - hour * i, "exact": i % 20} for i in range(40)]
    assert features_of(sweep)["a"]["exact_growth_28d"] == pytest.approx(0)
    assert features_of(person)["a"]["exact_growth_28d"] < -4


def test_few_requests_of_many_keys_read_as_many_do(features_of: Read) -> None:
    rng = np.random.default_rng(5)
    odds = rng.dirichlet(np.full(40, 0.3))
    rows = [
        {"account_id": f"{n}-{i}", "prefix": int(key)}
        for n in (20, 80)
        for i in range(400)
        for key in rng.choice(40, n, p=odds)
    ]
    read = features_of(rows)
    means = [
        np.mean([f["prefixes_in_ten_28d"] for name, f in read.items() if name.startswith(n)]) for n in ("20-", "80-")
    ]
    assert means[0] == pytest.approx(means[1], rel=0.03)


def test_fewer_than_ten_requests_do_not_tell(features_of: Read) -> None:
    assert features_of([{"prefix": i} for i in range(9)])["a"]["prefixes_in_ten_28d"] is None
    assert features_of([{"prefix": i} for i in range(10)])["a"]["prefixes_in_ten_28d"] == 10
