"""Pairs of requests of one hour against pairs of different hours, worked out pair by pair."""

import math
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from statistics import mean
from typing import Any

import pytest

from features.text import FLAGS, TOPIC_LENGTH

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]


def log(tokens: int) -> float:
    """As it is added: in 1/64."""
    return round(math.log2(1 + tokens) * 64)


def plain(events: list[dict[str, Any]]) -> dict[str, float | None]:
    """The family's features of one account."""
    with_text = [e for e in events if e["words"] is not None]
    with_topic = [e for e in events if e["topic"] is not None]

    def means(some: list[dict[str, Any]], differ: Callable[[Any, Any], float]) -> tuple[float | None, float | None]:
        within, between = [], []
        for first, second in combinations(some, 2):
            hours = {e["timestamp"].replace(minute=0, second=0, microsecond=0) for e in (first, second)}
            (within if len(hours) == 1 else between).append(differ(first, second))
        return (mean(within) if within else None, mean(between) if between else None)

    def less(some: list[dict[str, Any]], differ: Callable[[Any, Any], float]) -> float | None:
        within, between = means(some, differ)
        return None if within is None or not between else 1 - within / between

    def apart(first: Any, second: Any) -> float:
        dot = sum(a * b for a, b in zip(first["topic"], second["topic"], strict=True))
        return 1 - dot / TOPIC_LENGTH**2

    within, between = means(with_topic, apart)
    return {
        "topics_apart_28d": None if within is None or between is None else between - within,
        "asked_apart_28d": less(
            with_text, lambda a, b: ((a["flags"] ^ b["flags"]) & (1 << len(FLAGS)) - 1).bit_count()
        ),
        "inputs_apart_28d": less(events, lambda a, b: (log(a["input_tokens"]) - log(b["input_tokens"])) ** 2),
        "outputs_apart_28d": less(events, lambda a, b: (log(a["output_tokens"]) - log(b["output_tokens"])) ** 2),
        "turns_apart_28d": less(
            events, lambda a, b: ((a["message_count"] or 9) <= 2) != ((b["message_count"] or 9) <= 2)
        ),
    }


def test_the_world_is_read_as_pair_by_pair(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events)
        assert set(want) == set(names_of("mixture"))
        # topics are whole numbers, so not all of quite the same length
        agree(past.features[account], {"topics_apart_28d": want.pop("topics_apart_28d")}, tolerance=0.05)
        agree(past.features[account], want)


def test_two_kinds_at_different_times_show_and_mixed_within_the_hour_do_not(features_of: Read, as_of: Any) -> None:
    kinds = ({"output_tokens": 10, "message_count": 1}, {"output_tokens": 5_000, "message_count": 9})
    rows = []
    for i in range(80):
        at = {"timestamp": as_of - timedelta(hours=1 + i // 8)}
        rows.append({"account_id": "apart", **at, **kinds[i // 8 % 2]})
        rows.append({"account_id": "mixed", **at, **kinds[i % 2]})
    read = features_of(rows)
    for name in ("outputs_apart_28d", "turns_apart_28d"):
        assert read["apart"][name] == pytest.approx(1)
        assert abs(read["mixed"][name]) < 0.15


def test_topics_and_what_is_asked_for_are_compared_by_pairs_and_texts_without_words_in_the_flags_alone(
    features_of: Read, as_of: Any
) -> None:
    along, across = [TOPIC_LENGTH, *[0] * 15], [0, TOPIC_LENGTH, *[0] * 14]
    said = {"words": 5, "flags": 1, "prefix": 1}
    rows = [
        {**said, "topic": topic, "timestamp": as_of - timedelta(hours=h)} for h, topic in ((1, along), (2, across))
    ] * 2
    blank = {"words": 0, "topic": None, "flags": 0}
    rows += [{**blank, "timestamp": as_of - timedelta(hours=h)} for h in (1, 1, 3, 3)]
    read = features_of(rows)["a"]
    assert read["topics_apart_28d"] == 1
    # within: 4 of 8 pairs differ; between: 2 + 2 of 4, 4 of 8, 4 of 8
    assert read["asked_apart_28d"] == pytest.approx(1 - (4 / 8) / (12 / 20))


def test_where_nothing_differs_or_no_hour_has_two_requests_nothing_is_known(features_of: Read, as_of: Any) -> None:
    alone = [{"account_id": "a", "timestamp": as_of - timedelta(hours=h), "output_tokens": h} for h in range(9)]
    alike = [{"account_id": "b", "timestamp": as_of - timedelta(hours=h // 3)} for h in range(9)]
    read = features_of(alone + alike)
    assert read["a"]["outputs_apart_28d"] is read["b"]["outputs_apart_28d"] is None
