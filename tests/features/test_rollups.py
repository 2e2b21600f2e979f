"""The algebra of rollups, and plain Python as the oracle of what they hold."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.rollups import merge, roll_up, roll_up_keys
from features.schemas import KEY_KINDS, SLOTS, TOPIC_SIZE, AccountRollups, KeyRollups
from features.text import FLAGS
from tests.conftest import cases

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]
BEGIN = datetime(2026, 5, 31, 22, tzinfo=UTC)
COUNT = st.none() | st.integers(0, 5) | st.just(2**32 - 1)
KEY = st.none() | st.integers(-2, 2) | st.just(-(2**63))
NAMED = {
    "reasoning_tokens": COUNT,
    "cached_tokens": COUNT,
    "max_tokens": COUNT,
    "message_count": COUNT,
    "tool_count": st.none() | st.integers(0, 2),
    "temperature": st.none() | st.sampled_from([0.0, 0.05, 0.06, 1.0]),
    "stream": st.none() | st.booleans(),
    "finish_reason": st.none() | st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    "status_code": st.sampled_from([199, 200, 299, 300, 401, 402, 403, 429, 451, 500]),
    **{kind: KEY for kind in KEY_KINDS if kind not in ("model", "channel")},
    "model": st.integers(1, 2),
    "channel": st.integers(1, 2),
}


def _written(has_words: bool | None, flags: int, topic: list[int]) -> dict[str, Any]:
    if has_words is None:
        return {"words": None, "flags": None, "topic": None}
    return {"words": 7 * has_words, "flags": flags, "topic": topic if has_words else None}


EVENT = st.builds(
    lambda account, seconds, tokens, named, text: {
        "account_id": account,
        "timestamp": BEGIN + timedelta(seconds=seconds),
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        **named,
        **text,
    },
    st.sampled_from(["a", "b"]),
    st.integers(0, 3 * 3_600),
    st.tuples(*[st.integers(0, 900) | st.just(2**32 - 1)] * 2),
    st.fixed_dictionaries(NAMED),
    st.builds(
        _written,
        st.none() | st.booleans(),
        st.integers(0, (1 << len(FLAGS)) - 1),
        st.lists(st.integers(-255, 255), min_size=TOPIC_SIZE, max_size=TOPIC_SIZE),
    ),
)
PARTS = st.lists(st.tuples(st.integers(0, 2), EVENT), max_size=10)
ACCOUNT_BY = ["account_id", "hour"]
KEY_BY = ["kind", "key", "account_id", "hour"]


def add_keys(*rollups: pl.LazyFrame) -> pl.LazyFrame:
    """Add `KeyRollups` as their readers do: rows of one key are as good as their sum."""
    return pl.concat(rollups).group_by(KEY_BY).agg(pl.col("requests").sum())


ACCOUNTS = (roll_up, merge, ACCOUNT_BY, AccountRollups)
KEYS = (roll_up_keys, add_keys, KEY_BY, KeyRollups)
both = pytest.mark.parametrize("kind", [ACCOUNTS, KEYS], ids=["accounts", "keys"])


def split(parts: list[tuple[int, dict[str, Any]]], events_of: Make) -> list[pl.LazyFrame]:
    return [events_of([event for at, event in parts if at == i]).lazy() for i in range(3)]


@both
@given(parts=PARTS)
@settings(max_examples=cases(60))
def test_rollups_of_parts_add_to_the_rollup_of_the_whole(kind: Any, parts: Any, events_of: Make) -> None:
    roll, add, by, _ = kind
    rolled = [roll(part) for part in split(parts, events_of)]
    whole = roll(events_of([event for _, event in parts]).lazy()).sort(by).collect()
    assert add(*rolled).sort(by).collect().equals(whole)


@given(parts=PARTS)
@settings(max_examples=cases(40))
def test_merging_rollups_is_commutative_and_associative(parts: Any, events_of: Make) -> None:
    a, b, c = (roll_up(part).collect().lazy() for part in split(parts, events_of))
    sums = [merge(a, b, c), merge(c, b, a), merge(merge(a, b), c), merge(a, merge(b, c)), merge(b, merge(c, a))]
    first, *others = (rollups.sort(ACCOUNT_BY).collect() for rollups in sums)
    assert all(other.equals(first) for other in others)


@both
@given(parts=PARTS)
@settings(max_examples=cases(25))
def test_nothing_is_neutral_and_one_rollup_is_itself(kind: Any, parts: Any, events_of: Make) -> None:
    roll, add, by, contract = kind
    rolled = roll(events_of([event for _, event in parts]).lazy()).sort(by).collect()
    empty = roll(events_of([]).lazy()).collect().lazy()
    assert empty.collect().is_empty()
    for result in (add(rolled.lazy()), add(rolled.lazy(), empty), add(empty, rolled.lazy())):
        assert result.sort(by).collect().equals(rolled)
    contract.validate(rolled)


def plain_rollup(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What one account did in one hour, counted in plain Python."""

    def count(name: str, holds: Callable[[Any], bool]) -> int:
        return sum(event.get(name) is not None and holds(event[name]) for event in events)

    def log(tokens: int) -> int:
        return round(math.log2(1 + tokens) * 64)

    minutes = [event["timestamp"].minute for event in events]
    topics = [event["topic"] for event in events if event["topic"] is not None]
    totals = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "words")
    return {
        "minutes": sum(1 << minute for minute in set(minutes)),
        "slots": [sum(minute // 5 == slot for minute in minutes) for slot in range(SLOTS)],
        "topic": [sum(topic[i] for topic in topics) for i in range(TOPIC_SIZE)],
        "requests": len(events),
        "succeeded": count("status_code", lambda code: code // 100 == 2),
        "throttled": count("status_code", lambda code: code == 429),
        "refused": count("status_code", lambda code: code in (401, 403, 451)),
        **{name: sum(event[name] or 0 for event in events) for name in totals},
        "input_log": sum(log(event["input_tokens"]) for event in events),
        "input_log_squared": sum(log(event["input_tokens"]) ** 2 for event in events),
        "output_log": sum(log(event["output_tokens"]) for event in events),
        "output_log_squared": sum(log(event["output_tokens"]) ** 2 for event in events),
        "filtered": count("finish_reason", lambda reason: reason == "content_filter"),
        "capped": count("max_tokens", lambda _: True),
        "cold": count("temperature", lambda t: t <= 0.05),
        "streamed": count("stream", bool),
        "with_tools": count("tool_count", bool),
        "first_turns": count("message_count", lambda messages: messages <= 2),
        "with_text": count("words", lambda _: True),
        "with_topic": count("words", lambda words: words > 0),
        "with_system": count("system", lambda _: True),
        "with_address": count("address", lambda _: True),
        "with_agent": count("agent", lambda _: True),
        **{flag: count("flags", lambda bits, bit=bit: bits >> bit & 1) for bit, flag in enumerate(FLAGS)},
    }


@given(events=st.lists(EVENT, max_size=12))
@settings(max_examples=cases(60))
def test_a_rollup_holds_what_plain_python_counts(events: list[dict[str, Any]], events_of: Make) -> None:
    groups = defaultdict(list)
    for event in events:
        groups[event["account_id"], event["timestamp"].replace(minute=0, second=0)].append(event)
    want = {group: plain_rollup(some) for group, some in groups.items()}
    rows = roll_up(events_of(events).lazy()).collect().to_dicts()
    assert {(row.pop("account_id"), row.pop("hour")): row for row in rows} == want


@given(events=st.lists(EVENT, max_size=12))
@settings(max_examples=cases(60))
def test_key_rollups_count_each_shown_key_as_plain_python_does(events: list[dict[str, Any]], events_of: Make) -> None:
    want = Counter(
        (code, event[kind], event["account_id"], event["timestamp"].replace(minute=0, second=0))
        for event in events
        for code, kind in enumerate(KEY_KINDS)
        if event[kind] is not None
    )
    rows = roll_up_keys(events_of(events).lazy()).collect().rows()
    assert {row[:4]: row[4] for row in rows} == want
    assert len(rows) == len(want)


def test_every_minute_of_the_hour_has_its_bit(events_of: Make) -> None:
    rows = [{"timestamp": BEGIN + timedelta(minutes=minute, seconds=59.999999)} for minute in range(60)]
    rolled = roll_up(events_of(rows).lazy()).collect()
    assert rolled["minutes"].to_list() == [(1 << 60) - 1]
    assert rolled["slots"].to_list() == [[5] * SLOTS]


def test_a_rollup_adds_a_large_world_as_a_small_one(world: Any) -> None:
    parts = [world.events.filter(pl.col("request_key") % 7 == i - 3).lazy() for i in range(7)]
    rest = world.events.filter(~(pl.col("request_key") % 7).is_between(-3, 3)).lazy()
    by = ["account_id", "hour"]
    merged = merge(*[roll_up(part) for part in [*parts, rest]]).sort(by).collect()
    assert merged.equals(roll_up(world.events.lazy()).sort(by).collect())
    assert merged["requests"].sum() == len(world.events)
