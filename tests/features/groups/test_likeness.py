"""Likeness: accounts that share rare keys and act alike where few do are more probably of one operator."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURE_NAMES, FEATURES
from features.groups.likeness import measure_likeness, read_common_keys

COUNT = 60
NO_KEYS = pl.DataFrame(
    schema={"account_id": pl.String, "kind": pl.String, "key": pl.Int64, "sort": pl.String, "rarity": pl.Float64}
)
CONTENT = [feature.name for feature in FEATURES if feature.family == "content"]


def features_of(seed: int = 0, **columns: list[float | None]) -> pl.DataFrame:
    """Features of `COUNT` accounts; those not given are drawn, a tenth of them unknown."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(COUNT, len(FEATURE_NAMES)))
    drawn[rng.random(drawn.shape) < 0.1] = np.nan
    frame = pl.DataFrame(drawn, schema=dict.fromkeys(FEATURE_NAMES, pl.Float64)).fill_nan(None)
    named = frame.with_columns(pl.Series(name, values, pl.Float64) for name, values in columns.items())
    return named.insert_column(0, pl.Series("account_id", [f"a{i:02d}" for i in range(COUNT)]))


def keys_of(*rows: tuple[str, str, int, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, NO_KEYS.schema, orient="row")


def odds(features: pl.DataFrame, keys: pl.DataFrame, asked: list[str]) -> dict[str, float]:
    likeness = measure_likeness(features, keys, asked)
    return dict(zip(likeness.account_ids, likeness.log_odds.tolist(), strict=True))


def test_near_values_where_few_accounts_are_say_more_than_the_same_distance_among_many() -> None:
    crowded = [0.0, 0.1, *np.linspace(0.02, 0.08, COUNT - 4), 9.0, 9.1]
    result = features_of(**dict.fromkeys(CONTENT, crowded))
    among_many, among_few = odds(result, NO_KEYS, ["a00"])["a01"], odds(result, NO_KEYS, ["a58"])["a59"]
    assert among_few > among_many + 3


def test_a_rare_key_in_common_says_more_than_a_common_one_and_two_more_than_one() -> None:
    rare, common = ("template", 4.0), ("template", 0.5)
    gains = []
    for keys in ((), (common,), (rare,), (rare, rare)):
        rows = [(account, "1", i, sort, rarity) for i, (sort, rarity) in enumerate(keys) for account in ("a00", "a01")]
        gains.append(odds(features_of(), keys_of(*rows), ["a00"])["a01"])
    assert gains == sorted(gains) and len(set(gains)) == 4


def test_keys_count_for_those_alone_who_show_them_too() -> None:
    keys = keys_of(*[(account, "payment", 5, "payment", 3.0) for account in ("a00", "a07")])
    before, after = (odds(features_of(), shown, ["a00"]) for shown in (NO_KEYS, keys))
    assert {name for name in before if after[name] != before[name]} == {"a00", "a07"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=4, unique=True))
def test_with_several_the_odds_are_the_mean_of_those_with_each(seed: int, numbers: list[int]) -> None:
    result, asked = features_of(seed), [f"a{number:02d}" for number in numbers]
    together = measure_likeness(result, NO_KEYS, asked).log_odds
    apart = [measure_likeness(result, NO_KEYS, [account]).log_odds for account in asked]
    assert np.allclose(together, np.mean(apart, axis=0))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16))
def test_the_unit_of_a_feature_does_not_matter(seed: int) -> None:
    result = features_of(seed)
    stretched = result.with_columns(pl.col(CONTENT) * 4.0)
    first, second = (measure_likeness(frame, NO_KEYS, ["a03"]).log_odds for frame in (result, stretched))
    assert np.allclose(first, second)


def test_two_accounts_are_as_like_one_another_either_way() -> None:
    result, keys = features_of(), keys_of(("a10", "1", 4, "network", 2.0), ("a20", "1", 4, "network", 2.0))
    assert odds(result, keys, ["a10"])["a20"] == pytest.approx(odds(result, keys, ["a20"])["a10"])


def test_shared_keys_are_read_up_to_the_time_and_only_those_that_the_asked_show(
    events_of: Any, lake_of: Callable[..., Any], account_rows_of: Any, as_of: datetime
) -> None:
    def request(account: str, prefix: int, days: float = 1.0) -> dict[str, Any]:
        return {"account_id": account, "prefix": prefix, "timestamp": as_of - timedelta(days=days)}

    rows = [request("a", 1), request("b", 1), request("b", 2), request("c", 2), request("a", 3), request("c", 3, -0.5)]
    others = [request(f"other{i:03d}", 100 + i) for i in range(200)]
    registered = [{"account_id": name, "payment": number} for name, number in (("a", 7), ("c", 7), ("b", 8))]
    keys = read_common_keys(lake_of([events_of(rows + others)], account_rows_of(registered)), as_of, ["a"])
    assert set(keys.filter(sort="template", key=1)["account_id"]) == {"a", "b"}
    assert set(keys.filter(sort="payment")["account_id"]) == {"a", "c"}
    assert keys.filter(sort="payment")["rarity"].to_list() == pytest.approx([np.log(203 / 2)] * 2)
    assert keys.filter(key=3).is_empty() and keys.filter(key=2).is_empty()


def test_a_key_of_many_accounts_ties_nobody(events_of: Any, lake_of: Callable[..., Any], as_of: datetime) -> None:
    time = as_of - timedelta(days=1)
    rows = [{"account_id": f"a{i:03d}", "prefix": 1 if i < 30 else 100 + i, "timestamp": time} for i in range(300)]
    assert read_common_keys(lake_of([events_of(rows)]), as_of, ["a000"]).filter(key=1).is_empty()
