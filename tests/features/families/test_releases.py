"""Moves to a model that was just released, worked out in plain Python."""

import math
import statistics
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from features.accounts import read_out
from features.catalogue import FEATURE_NAMES
from features.identity import Keyring

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PIVOTS = ("pivot_1d_on_plan_28d", "pivot_3d_on_plan_28d")
NAMES = (*PIVOTS, "newest_share_28d", "hours_to_newest_28d")
LEFT = "left_model_after_block_28d"


@pytest.fixture(scope="session")
def model(keyring: Keyring) -> Callable[[str], int]:
    """The key that events have for a model."""
    return lambda name: pl.select(keyring.key(pl.lit(name), "model")).item()


@pytest.fixture(scope="session")
def read(lake_of: Any, events_of: Any, account_rows_of: Any, as_of: datetime, model: Callable[[str], int]) -> Read:
    """Features by account from `account: [(hours after AS_OF - 5 days, model)]`, plans, and releases in days ago."""

    def features(asked: Mapping[str, Any], plans: Mapping[str, str], days: Mapping[str, float]) -> dict[str, Any]:
        rows = [
            {"account_id": name, "timestamp": as_of - 5 * DAY + HOUR * hours, "model": model(used)}
            for name, some in asked.items()
            for hours, used in some
        ]
        registered = account_rows_of([{"account_id": name, "plan": plan} for name, plan in plans.items()])
        frame = read_out(lake_of([events_of(rows)], registered, days), as_of)
        return {row["account_id"]: row for row in frame.iter_rows(named=True)}

    return features


def moved(events: list[tuple[datetime, int]], since: datetime, new: int, within: timedelta) -> float | None:
    asked = [used for time, used in events if since <= time < since + within]
    return asked.count(new) / len(asked) if asked else None


def left(events: list[dict[str, Any]]) -> float | None:
    hours = [(e["timestamp"].replace(minute=0, second=0, microsecond=0), e["model"], e["status_code"]) for e in events]
    block = min((hour for hour, _, status in hours if status in {401, 403, 451}), default=None)
    before, after = ([m for h, m, _ in hours if block and sign * (h - block) > 0 * HOUR] for sign in (-1, 1))
    if not before or not after:
        return None
    main = min(set(before), key=lambda used: (-before.count(used), used))
    return before.count(main) / len(before) - after.count(main) / len(after)


def test_an_account_that_goes_back_to_another_model_after_a_block_shows_it(features_of: Any, as_of: datetime) -> None:
    def at(hour: int, used: int, status: int = 200) -> dict[str, Any]:
        return {"timestamp": as_of - 50 * HOUR + hour * HOUR, "model": used, "status_code": status}

    asked = {
        "retreats": [at(0, 7), at(1, 7), at(2, 7), at(3, 5), at(4, 7, 403), at(5, 5), at(6, 5), at(7, 7), at(8, 5)],
        "stays": [at(0, 7), at(4, 7, 451), at(5, 7)],
        "came blocked": [at(4, 7, 403), at(5, 5)],
        "is throttled": [at(0, 7), at(4, 7, 429), at(5, 5)],
    }
    features = features_of([{"account_id": name, **row} for name, some in asked.items() for row in some])
    assert {name: row[LEFT] for name, row in features.items()} == {
        "retreats": 0.5, "stays": 0, "came blocked": None, "is throttled": None,
    }  # fmt: skip


def test_the_world_is_read_as_by_plain_python(
    names_of: Names, past: Any, agree: Any, as_of: datetime, model: Callable[[str], int]
) -> None:
    since, new = (as_of - 5 * DAY).replace(minute=0, second=0), model("m3")
    asked = {account: [(e["timestamp"], e["model"]) for e in events] for account, events in past.events.items()}
    shares = {
        name: {account: moved(events, since, new, within) for account, events in asked.items()}
        for name, within in zip(PIVOTS, (DAY, 3 * DAY), strict=True)
    }
    plan = {account: row["plan"] for account, row in past.accounts.items()}
    for account, events in asked.items():
        used = [time for time, used_model in events if time >= since and used_model == new]
        hours = (min(used).replace(minute=0, second=0, microsecond=0) - since) / HOUR if used else None
        want = {
            "newest_share_28d": moved(events, since, new, 28 * DAY),
            "hours_to_newest_28d": None if hours is None else math.log2(1 + hours),
        }
        for name, share in shares.items():
            shares_of_plan = [s for other, s in share.items() if s is not None and plan.get(other) == plan.get(account)]
            own = share[account]
            want[name] = None if own is None or account not in plan else own - statistics.median(shares_of_plan)
        want[LEFT] = left(past.events[account])
        assert set(want) == set(names_of("releases")) == {*NAMES, LEFT}
        agree(past.features[account], want)


def test_an_account_that_pivots_is_compared_with_its_plan(read: Read) -> None:
    asked = {
        "pivots": [(1, "new"), (2, "new"), (3, "new"), (30, "new"), (31, "old")],
        "stays": [(1, "old"), (40, "old")],
        "tries": [(-3, "old"), (5, "old"), (6, "new"), (50, "old"), (51, "old")],
        "pays": [(2, "new"), (90, "old")],
        "was away": [(-3, "old"), (-2, "old")],
    }
    features = read(
        asked, dict.fromkeys(("pivots", "stays", "tries", "was away"), "free") | {"pays": "pro"}, {"new": 5}
    )
    values = {account: [row[name] for name in NAMES] for account, row in features.items()}
    assert values["pivots"] == [0.5, pytest.approx(0.8 - 0.25), pytest.approx(0.8), 1]
    assert values["stays"] == [-0.5, -0.25, 0, None]
    assert values["tries"] == [0, 0, 0.25, pytest.approx(math.log2(7))]
    assert values["pays"] == [0, 0, 0.5, pytest.approx(math.log2(3))]
    assert values["was away"] == [None] * 4


def test_an_account_without_a_known_plan_has_nothing_to_be_compared_with(read: Read) -> None:
    features = read({"a": [(1, "new")]}, {}, {"new": 5})["a"]
    assert [features[name] for name in NAMES] == [None, None, 1, 1]


@pytest.mark.parametrize("days", [{}, {"new": 0.9}, {"new": 29}, {"new": -1}])
def test_without_a_release_that_a_day_has_passed_since_nothing_is_known(read: Read, days: dict[str, float]) -> None:
    features = read({"a": [(1, "new"), (119, "new")]}, {"a": "free"}, days)["a"]
    assert [features[name] for name in NAMES] == [None] * 4


def test_a_pivot_of_three_days_is_unknown_until_they_have_passed(read: Read) -> None:
    asked = {"a": [(80, "new"), (100, "old")]}  # 40 hours ago and 20
    features = read(asked, {"a": "free"}, {"new": 2, "old": 10})["a"]
    assert [features[name] for name in NAMES] == [0, None, 0.5, pytest.approx(math.log2(9))]


def test_models_that_were_released_in_the_same_hour_are_one_release(read: Read) -> None:
    asked = {"a": [(1, "large"), (2, "small"), (3, "old"), (4, "old")]}
    features = read(asked, {"a": "free"}, {"large": 5, "small": 5 + 1 / 144, "old": 9})["a"]
    assert features["newest_share_28d"] == 0.5


def test_releases_after_the_time_change_nothing(world: Any, lake_of: Any, as_of: datetime) -> None:
    then, released = as_of - 2 * DAY, {"m1": 20, "m2": 6}
    read = [read_out(lake_of([world.events], world.accounts, released | later), then) for later in ({}, {"m3": 1.9})]
    assert read[0].equals(read[1])
    assert read[0]["newest_share_28d"].drop_nulls().n_unique() > 1
    assert read[0].columns[2:] == list(FEATURE_NAMES)
