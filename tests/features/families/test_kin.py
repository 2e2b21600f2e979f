"""What accounts ask for against those that send alike, worked out account by account in plain Python."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np
import pytest

from features.families import kin
from features.schemas import TOPIC_SIZE
from features.text import CELLS

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
Events = Sequence[Mapping[str, Any]]
Shares = Mapping[int, float]
TOPIC = [16] * TOPIC_SIZE


def manners(events: Events) -> list[float]:
    """How an account sends."""
    n = len(events)
    values = []
    for tokens in ("input_tokens", "output_tokens"):
        logs = [round(math.log2(1 + event[tokens]) * 64) for event in events]
        middle = sum(logs) / n
        values += [middle / 64, math.sqrt(max(sum(log * log for log in logs) / n - middle * middle, 0)) / 64]
    tests: list[Callable[[Any], bool]] = [
        lambda e: e["max_tokens"] is not None,
        lambda e: e["temperature"] is not None and e["temperature"] <= 0.05,
        lambda e: bool(e["stream"]),
        lambda e: (e["tool_count"] or 0) > 0,
        lambda e: e["message_count"] is not None and e["message_count"] <= 2,
        lambda e: e["system"] is not None,
    ]
    values += [sum(map(test, events)) / n for test in tests]
    for part, whole in (("reasoning_tokens", "output_tokens"), ("cached_tokens", "input_tokens")):
        total = sum(e[whole] for e in events)
        values.append(sum(e[part] or 0 for e in events) / total if total else 0.0)
    return values


def shares(events: Events, kind: str) -> Shares:
    counts = Counter(event[kind] for event in events if event[kind] is not None)
    return {code: count / counts.total() for code, count in counts.items()}


def rank_all(values: Mapping[str, list[float]]) -> dict[str, list[int]]:
    """Ranks from 0 to 100 among all, of each measure."""
    columns = list(zip(*values.values(), strict=True))
    return {
        name: [
            50 * (sum(v < own for v in column) + sum(v <= own for v in column)) // len(column)
            for own, column in zip(row, columns, strict=True)
        ]
        for name, row in values.items()
    }


def plain(world: Mapping[str, Events]) -> dict[str, dict[str, float]]:
    """The family's features of accounts that are all landmarks, and all as old as one another."""
    names = sorted(world)
    ranks = rank_all({name: manners(world[name]) for name in names})
    count = max(5, min(100, len(names) // 10))

    def kin_of(name: str) -> list[str]:
        others = [other for other in names if other != name]
        return sorted(others, key=lambda o: math.dist(ranks[name], ranks[o]))[:count]

    kin_names = {name: kin_of(name) for name in names}
    cells = {name: shares(world[name], "cell") for name in names}
    capabilities = {name: shares(world[name], "capability") for name in names}

    def usual(of: Mapping[str, Shares], some: Sequence[str], code: int) -> float:
        return mean(of[name].get(code, 0.0) for name in some)

    def surprise(of: Mapping[str, Shares], name: str) -> float:
        others = [other for other in names if other != name]
        ratios = {c: (usual(of, others, c) + 2e-3) / (usual(of, kin_names[name], c) + 2e-3) for c in of[name]}
        return sum(share * math.log2(ratios[code]) for code, share in of[name].items())

    def odd(name: str) -> list[float]:
        row = np.zeros(CELLS)
        for code, share in cells[name].items():
            row[code] = max(min(share, 0.08) - 2 * usual(cells, kin_names[name], code), 0.0)
        return list(np.rint(row * 127 / 0.08))

    odds = {name: np.array(odd(name)) for name in names}

    def cosine(name: str, other: str) -> float:
        lengths = math.sqrt((odds[name] ** 2).sum()) * math.sqrt((odds[other] ** 2).sum())
        return float(odds[name] @ odds[other]) / max(lengths, 1.0)

    return {
        name: {
            "kin_topic_surprise_28d": surprise(cells, name),
            "kin_capability_surprise_28d": surprise(capabilities, name),
            "kin_odd_topics_shared_28d": mean(sorted(cosine(name, other) for other in names if other != name)[-10:]),
        }
        for name in names
    }


def test_the_world_is_read_as_account_by_account(names_of: Names, past: Any, agree: Any) -> None:
    judged = {name: events for name, events in past.events.items() if sum(e["cell"] is not None for e in events) >= 10}
    assert len(judged) > 50
    want = plain(judged)
    for name in past.events:
        nothing = dict.fromkeys(names_of("kin"))
        agree(past.features[name], want.get(name, nothing), tolerance=2e-4)


def crowd(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Sixty people with short answers and subjects of their own, sixty programs with long ones and one subject."""
    rows = []
    for i in range(60):
        for j in range(12):
            person = {"output_tokens": 50, "cell": int(rng.integers(5) + 5 * (i % 40))}
            program = {"output_tokens": 5_000, "cell": 300 + j % 4}
            rows += [{"account_id": f"person{i}", **person}, {"account_id": f"program{i}", **program}]
    return [{"words": 9, "topic": TOPIC, "capability": 0, **row} for row in rows]


def test_what_another_kind_asks_for_is_surprising_and_ones_own_rare_subject_is_not(features_of: Read) -> None:
    rows = crowd(np.random.default_rng(0))
    for j in range(12):
        for name, cell in (("hidden", 300 + j % 4), ("rare", 400 + j % 4)):
            rows.append({**rows[0], "account_id": name, "cell": cell})
    read = features_of(rows)
    name = "kin_topic_surprise_28d"
    assert read["hidden"][name] > 2
    assert read["rare"][name] < 1
    assert read["person5"][name] < 1
    assert read["program5"][name] < 0


def test_accounts_of_two_kinds_with_one_queue_have_the_same_odd_topics(features_of: Read) -> None:
    rows = crowd(np.random.default_rng(0))
    for i in range(12):
        for j in range(30):
            kind = {"output_tokens": 50 if i % 2 else 5_000}
            rows.append({**rows[0], "account_id": f"queue{i}", **kind, "cell": 420 + (7 * i + 3 * j) % 40})
    read = features_of(rows)
    name = "kin_odd_topics_shared_28d"
    assert min(read[f"queue{i}"][name] for i in range(12)) > 0.5
    assert read["program3"][name] == 0


def test_few_topics_or_few_others_show_nothing(features_of: Read, names_of: Names) -> None:
    rows = crowd(np.random.default_rng(0))
    read = features_of([*rows, *({**rows[0], "account_id": "few", "cell": j} for j in range(9))])
    assert {read["few"][name] for name in names_of("kin")} == {None}
    alone = features_of([row for row in rows if row["account_id"] < "person3"])
    assert {read[name] for read in alone.values() for name in names_of("kin")} == {None}


def test_accounts_beyond_those_that_are_compared_at_once_are_read_alike(
    features_of: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = crowd(np.random.default_rng(3))
    together = features_of(rows)
    monkeypatch.setattr(kin, "_AT_A_TIME", 7)
    assert features_of(rows) == together
