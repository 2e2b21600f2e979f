import math
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from features.catalogue import SHARED_KINDS

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]

ELSEWHERE = {"account_id": "z", "address": 1}  # so that the provider has addresses


def plain(past: Any, account: str) -> dict[str, float | None]:
    """The family's features of one account, from the events of all."""
    begin = past.as_of - timedelta(days=28)
    young = {name for name, row in past.accounts.items() if row["created_at"] > begin}
    want: dict[str, float | None] = {}
    shared_kinds = 0
    for kind in SHARED_KINDS:
        holders = defaultdict(set)
        for name, events in past.events.items():
            for event in events:
                holders[event[kind]].add(name)
        shown = [holders[e[kind]] for e in past.events[account] if e[kind] is not None]
        shared = [some for some in shown if len(some) > 1]
        shared_kinds += bool(shared)
        want[f"shared_{kind}_28d"] = sum(math.log2(len(s)) for s in shown) / len(shown) if shown else None
        want[f"shared_{kind}_share_28d"] = len(shared) / len(shown) if shown else None
        want[f"young_{kind}_28d"] = sum(len(s & young) / len(s) for s in shared) / len(shared) if shared else None
    want["shared_kinds_28d"] = shared_kinds
    return want


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account in past.events:
        want = plain(past, account)
        assert set(names_of("sharing")) <= set(want)
        agree(past.features[account], {name: want[name] for name in names_of("sharing")})


def test_an_ending_shared_by_four_accounts_is_two_octaves(features_of: Read) -> None:
    rows = [{"account_id": name, "suffix": 5} for name in "abcd"] + [{"account_id": "a", "suffix": 6}] * 3
    read = features_of([*rows, ELSEWHERE])
    assert (read["b"]["shared_suffix_28d"], read["b"]["shared_suffix_share_28d"]) == (2, 1)
    assert (read["a"]["shared_suffix_28d"], read["a"]["shared_suffix_share_28d"]) == (0.5, 0.25)
    assert read["a"]["shared_kinds_28d"] == 1
    assert read["a"]["shared_prefix_28d"] is None


def test_a_key_of_another_kind_is_not_shared(features_of: Read) -> None:
    read = features_of([{"account_id": "a", "prefix": 5}, {"account_id": "b", "suffix": 5}, ELSEWHERE])
    assert read["a"]["shared_prefix_28d"] == read["b"]["shared_suffix_28d"] == read["a"]["shared_kinds_28d"] == 0


@pytest.mark.parametrize(("days", "young"), [(28, 2 / 3), (27.9, 1)])
def test_young_accounts_are_those_of_the_last_28_days(features_of: Read, as_of: Any, days: float, young: float) -> None:
    rows = [{"account_id": name, "suffix": 5} for name in "abc"]
    created = {"a": timedelta(days=1), "b": timedelta(days=2), "c": timedelta(days=days)}
    read = features_of(rows, [{"account_id": name, "created_at": as_of - age} for name, age in created.items()])
    assert read["a"]["young_suffix_28d"] == pytest.approx(young)


def test_a_key_shown_before_the_window_or_after_the_time_is_not_shared(features_of: Read, as_of: Any) -> None:
    others = [as_of - timedelta(days=28, hours=1), as_of + timedelta(seconds=1)]
    rows = [{"account_id": "a", "prefix": 5}]
    rows += [{"account_id": "b", "prefix": 5, "timestamp": time} for time in others]
    assert features_of(rows)["a"]["shared_prefix_share_28d"] == 0
