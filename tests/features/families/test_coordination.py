import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from features.catalogue.coordination import ACTING

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]


def hours(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)


def plain(past: Any, account: str) -> dict[str, float | None]:
    """The family's features of one account, from the events of all."""
    usual = statistics.pstdev(hours(row["created_at"]) for row in past.accounts.values())
    want: dict[str, float | None] = {}
    for kind in ACTING:
        holders: dict[Any, Counter[str]] = defaultdict(Counter)
        for name, events in past.events.items():
            for event in events:
                holders[event[kind]][name] += 1
        shown = [holders[e[kind]] for e in past.events[account] if e[kind] is not None and len(holders[e[kind]]) > 1]
        crowds = [list(some.values()) for some in shown if len(some) > 2]
        even = [sum(c) ** 2 / sum(n * n for n in c) / len(c) for c in crowds]
        born = [[hours(past.accounts[name]["created_at"]) for name in some if name in past.accounts] for some in shown]
        closer = [
            (usual + 24) / (math.sqrt((len(b) * statistics.pvariance(b) + 2 * usual**2) / (len(b) + 2)) + 24)
            for b in born
            if len(b) > 1
        ]
        want[f"even_{kind}_28d"] = statistics.mean(even) if even else None
        want[f"born_{kind}_28d"] = statistics.mean(map(math.log2, closer)) if closer else None
    return want


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account in past.events:
        want = plain(past, account)
        agree(past.features[account], {name: want[name] for name in names_of("coordination")})


def test_a_load_spread_evenly_over_accounts_is_told_from_one_that_is_not(features_of: Read) -> None:
    rows = [{"account_id": name, "prefix": 5} for name in "abc" for _ in range(4)]
    rows += [{"account_id": name, "prefix": 6} for name, times in (("d", 10), ("e", 1), ("f", 1)) for _ in range(times)]
    read = features_of(rows)
    assert read["a"]["even_prefix_28d"] == 1
    assert read["d"]["even_prefix_28d"] == pytest.approx(144 / 102 / 3)


def test_two_accounts_are_not_called_even(features_of: Read) -> None:
    read = features_of([{"account_id": name, "prefix": 5} for name in "ab"])
    assert read["a"]["even_prefix_28d"] is None


def test_accounts_registered_on_one_day_are_close_and_more_of_them_are_closer(features_of: Read, as_of: Any) -> None:
    few, many = ["a", "b"], list("cdefgh")
    rows = [{"account_id": name, "prefix": 5} for name in few] + [{"account_id": name, "prefix": 6} for name in many]
    rows += [{"account_id": name, "prefix": 7} for name in "xyz"]
    day = as_of - timedelta(days=9)
    created = dict.fromkeys(few + many, day) | {n: as_of - timedelta(days=90 * i + 1) for i, n in enumerate("xyz")}
    read = features_of(rows, [{"account_id": name, "created_at": at} for name, at in created.items()])
    together, crowd, apart = (read[name]["born_prefix_28d"] for name in "acx")
    assert 0.3 < together < crowd
    assert apart < 0


def test_accounts_that_no_export_has_named_are_not_called_close(features_of: Read) -> None:
    read = features_of([{"account_id": name, "prefix": 5} for name in "abc"], [])
    assert read["a"]["born_prefix_28d"] is None
