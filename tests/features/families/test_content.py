import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.families.content import near_duplicates
from features.text import FLAGS, TOPIC_SIZE

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
HASH = st.integers(-(2**63), 2**63 - 1)


def entropy(counts: Counter[int]) -> float:
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def distance(a: int, b: int) -> int:
    return ((a ^ b) & (2**64 - 1)).bit_count()


def plain(events: list[dict[str, Any]]) -> dict[str, float | None]:
    """The family's features of one account, but near-duplicates."""
    keys = {k: Counter(e[k] for e in events if e[k] is not None) for k in ("prefix", "suffix", "exact", "system")}
    most = math.log2(keys["prefix"].total()) if keys["prefix"] else 0
    written = [e for e in events if e["words"] is not None]
    topics = [e["topic"] for e in written if e["topic"] is not None]
    squared = sum(sum(topic[i] for topic in topics) ** 2 for i in range(TOPIC_SIZE))
    return {
        **{f"top_{kind}_share_28d": share(max(n.values(), default=0), n.total()) for kind, n in keys.items()},
        "prefix_entropy_28d": share(entropy(keys["prefix"]), most),
        "new_prefixes_28d": share(len(keys["prefix"]), keys["prefix"].total()),
        "fill_entropy_28d": entropy(keys["exact"]) - entropy(keys["prefix"]) if keys["exact"] else None,
        "repeat_share_28d": 1 - len(keys["exact"]) / keys["exact"].total() if keys["exact"] else None,
        "topic_focus_28d": math.log1p(squared / (len(written) * TOPIC_SIZE * 256)) if written else None,
        "words_mean_28d": share(sum(e["words"] for e in written), len(written)),
        "first_turn_share_28d": sum((e["message_count"] or 9) <= 2 for e in events) / len(events),
        "system_share_28d": sum(e["system"] is not None for e in events) / len(events),
        **{
            f"{flag}_share_28d": share(sum(e["flags"] >> bit & 1 for e in written), len(written))
            for bit, flag in enumerate(FLAGS)
        },
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events)
        assert set(names_of("content")) - set(want) == {"near_duplicate_share_28d"}
        agree(past.features[account], want)


def alike(left: int, right: int) -> bool:
    """Are two quarters or more the same?"""
    return sum((left ^ right) >> (16 * i) & 0xFFFF == 0 for i in range(4)) >= 2


def test_near_duplicates_of_the_world_are_as_plain_python_counts_them(past: Any) -> None:
    for account, events in past.events.items():
        hashes = [e["simhash"] for e in events if e["simhash"] is not None]
        near = [sum(alike(a, b) for b in hashes) > 1 for a in hashes]
        assert past.features[account]["near_duplicate_share_28d"] == pytest.approx(sum(near) / len(hashes))


def read_near(*hashes: int, requests: int = 1) -> float:
    keys = pl.DataFrame({"account_id": "a", "key": pl.Series(hashes, dtype=pl.Int64), "requests": requests})
    return float(near_duplicates(keys)["near_duplicate_share_28d"].item())


@given(base=HASH, bits=st.lists(st.integers(0, 63), min_size=1, max_size=8, unique=True))
@settings(max_examples=80)
def test_two_prompts_are_near_where_all_that_differs_lies_in_two_quarters(base: int, bits: list[int]) -> None:
    other = base
    for bit in bits:
        other ^= -(2**63) if bit == 63 else 1 << bit
    assert read_near(base, other) == (1 if len({bit // 16 for bit in bits}) <= 2 else 0)


def test_the_same_prompt_sent_twice_is_a_near_duplicate() -> None:
    assert read_near(5, requests=1) == 0
    assert read_near(5, requests=2) == 1


def test_near_duplicates_count_requests_not_prompts() -> None:
    keys = pl.DataFrame({"account_id": ["a"] * 3, "key": [0, 1, 0x7777777777777777], "requests": [1, 1, 1]})
    assert near_duplicates(keys)["near_duplicate_share_28d"].item() == pytest.approx(2 / 3)
    weighted = keys.with_columns(requests=pl.Series([3, 1, 1]))
    assert near_duplicates(weighted)["near_duplicate_share_28d"].item() == pytest.approx(4 / 5)


def test_what_is_near_in_another_account_is_not_a_near_duplicate() -> None:
    keys = pl.DataFrame({"account_id": ["a", "b"], "key": [8, 9], "requests": [1, 1]})
    assert near_duplicates(keys)["near_duplicate_share_28d"].to_list() == [0, 0]


def test_one_template_with_many_fillings_shows(features_of: Read) -> None:
    rows = [{"prefix": 1, "suffix": 2, "exact": i, "words": 9, "flags": 1, "simhash": i} for i in range(8)]
    read = features_of(rows)["a"]
    assert read["top_prefix_share_28d"] == read["top_suffix_share_28d"] == read["stepwise_share_28d"] == 1
    assert read["top_exact_share_28d"] == 1 / 8
    assert read["prefix_entropy_28d"] == read["repeat_share_28d"] == 0
    assert read["fill_entropy_28d"] == pytest.approx(3)
    assert read["near_duplicate_share_28d"] == 1
    assert read["words_mean_28d"] == 9


def test_without_text_only_turns_and_system_prompts_are_known(names_of: Names, features_of: Read) -> None:
    read = features_of([{"message_count": 1}, {"message_count": 3, "system": 4}])["a"]
    assert {name for name in names_of("content") if read[name] is not None} == {
        "first_turn_share_28d",
        "system_share_28d",
        "top_system_share_28d",
    }
    assert read["first_turn_share_28d"] == read["system_share_28d"] == 0.5
