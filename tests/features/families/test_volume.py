import math
import statistics
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
WINDOWS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "28d": timedelta(days=28)}


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def share(parts: list[bool]) -> float:
    return sum(parts) / len(parts)


def plain(events: list[dict[str, Any]], as_of: Any) -> dict[str, float | None]:
    """The family's features of one account, but those that compare it with others."""
    hour = as_of.replace(minute=0, second=0, microsecond=0)
    recent = {label: [e for e in events if e["timestamp"] >= hour - window] for label, window in WINDOWS.items()}
    total = {name: sum(e[name] or 0 for e in events) for name in events[0] if name.endswith("_tokens")}
    logs = {
        name: [round(math.log2(1 + e[name]) * 64) / 64 for e in events] for name in ("input_tokens", "output_tokens")
    }
    return {
        **{f"requests_{label}": len(some) for label, some in recent.items()},
        **{f"output_tokens_{label}": sum(e["output_tokens"] for e in recent[label]) for label in ("1d", "7d", "28d")},
        "output_per_input_28d": math.log2((total["output_tokens"] + 1) / (total["input_tokens"] + 1)),
        "input_mean_28d": mean(logs["input_tokens"]),
        "input_spread_28d": statistics.pstdev(logs["input_tokens"]),
        "output_mean_28d": mean(logs["output_tokens"]),
        "output_spread_28d": statistics.pstdev(logs["output_tokens"]),
        "reasoning_share_28d": total["reasoning_tokens"] / total["output_tokens"],
        "cached_share_28d": total["cached_tokens"] / total["input_tokens"],
        "throttled_share_28d": share([e["status_code"] == 429 for e in events]),
        "refused_share_28d": share([e["status_code"] in (401, 403, 451) for e in events]),
        "filtered_share_28d": share([e["finish_reason"] == "content_filter" for e in events]),
        "capped_share_28d": share([e["max_tokens"] is not None for e in events]),
        "cold_share_28d": share([e["temperature"] == 0 for e in events]),
        "streamed_share_28d": share([e["stream"] is True for e in events]),
        "tools_share_28d": share([bool(e["tool_count"]) for e in events]),
    }


def test_the_world_is_read_as_by_plain_python(past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        agree(past.features[account], plain(events, past.as_of))


def test_the_oracle_names_all_but_what_compares_accounts(names_of: Names, past: Any) -> None:
    named = set(plain(next(iter(past.events.values())), past.as_of))
    assert set(names_of("volume")) - named == {
        f"{used}_on_{group}_28d" for used in ("requests", "output") for group in ("plan", "programme")
    }


def test_windows_begin_at_a_full_hour_and_end_at_the_time(features_of: Read, as_of: Any) -> None:
    hour = as_of.replace(minute=0, second=0)
    moment = timedelta(microseconds=1)
    edges = [hour - window for window in WINDOWS.values()]
    times = [as_of, as_of + moment, *edges, *[edge - moment for edge in edges]]
    read = features_of([{"timestamp": time, "output_tokens": 10} for time in times])["a"]
    assert [read[f"requests_{label}"] for label in WINDOWS] == [2, 4, 6, 8]
    assert [read[f"output_tokens_{label}"] for label in ("1d", "7d", "28d")] == [40, 60, 80]


def test_lengths_are_in_octaves_of_one_and_the_tokens(features_of: Read) -> None:
    read = features_of([{"input_tokens": n, "output_tokens": 0} for n in (0, 1, 3)])["a"]
    assert (read["input_mean_28d"], read["output_mean_28d"], read["output_spread_28d"]) == (1, 0, 0)
    assert read["input_spread_28d"] == pytest.approx(math.sqrt(2 / 3))
    assert read["output_per_input_28d"] == pytest.approx(math.log2(1 / 5))
    assert read["reasoning_share_28d"] is None


def test_an_account_is_compared_with_the_median_of_its_plan(features_of: Read) -> None:
    used = {"a": 1, "b": 3, "c": 7, "d": 31, "unregistered": 2}
    rows = [{"account_id": name, "output_tokens": 3} for name, times in used.items() for _ in range(times)]
    plans = [{"account_id": name, "plan": "pro" if name == "d" else "free"} for name in "abcd"]
    read = features_of(rows, plans)
    assert [read[name]["requests_on_plan_28d"] for name in used] == [-1, 0, 1, 0, None]
    assert read["a"]["output_on_plan_28d"] == pytest.approx(math.log2(4 / 10))
    assert read["unregistered"]["output_on_plan_28d"] is None


def test_an_account_of_a_programme_is_compared_with_the_median_of_that(features_of: Read) -> None:
    used = {"a": 1, "b": 3, "c": 7, "d": 31}
    rows = [{"account_id": name, "output_tokens": 3} for name, times in used.items() for _ in range(times)]
    programmes = [{"account_id": name, "programme": None if name == "d" else "research"} for name in used]
    read = features_of(rows, programmes)
    assert [read[name]["requests_on_programme_28d"] for name in used] == [-1, 0, 1, None]
    assert read["a"]["output_on_programme_28d"] == pytest.approx(math.log2(4 / 10))


def test_registered_accounts_without_requests_do_not_move_the_median(features_of: Read) -> None:
    plans = [{"account_id": name} for name in "abcdefgh"]
    assert features_of([{"account_id": "a"}], plans)["a"]["requests_on_plan_28d"] == 0
