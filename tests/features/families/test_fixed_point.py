"""Arithmetic on columns, against plain Python."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.families.fixed_point import entropy, log_sum, mean_and_spread, share

COUNTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=30)


def value(of: Callable[[pl.Expr], pl.Expr], values: list[Any]) -> Any:
    return pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)}).select(of(pl.col("n"))).item()


@given(COUNTS)
def test_entropy_is_shannons(counts: list[int]) -> None:
    want = -sum(n / sum(counts) * math.log2(n / sum(counts)) for n in counts)
    assert value(entropy, counts) == pytest.approx(want, abs=1e-4)


@given(COUNTS, st.randoms(use_true_random=False))
def test_sums_of_logarithms_do_not_depend_on_the_order(counts: list[int], random: Any) -> None:
    shuffled = random.sample(counts, len(counts))
    for of in (log_sum, entropy, lambda n: log_sum(n, n)):
        assert value(of, counts) == value(of, shuffled)
    assert value(log_sum, counts) == pytest.approx(sum(map(math.log2, counts)), abs=1e-4)


def test_a_share_of_nothing_is_unknown() -> None:
    frame = pl.DataFrame({"part": [0, 1, 2, None], "whole": [0, 2, 2, 2]})
    assert frame.select(share(pl.col("part"), pl.col("whole"))).to_series().to_list() == [None, 0.5, 1, None]


@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=20), st.sampled_from([1, 64]))
def test_mean_and_spread_come_from_power_sums(values: list[int], unit: int) -> None:
    mean = value(lambda n: mean_and_spread(n.sum(), (n**2).sum(), n.len(), unit)[0], values)
    spread = value(lambda n: mean_and_spread(n.sum(), (n**2).sum(), n.len(), unit)[1], values)
    assert mean == pytest.approx(statistics.mean(values) / unit)
    assert spread == pytest.approx(statistics.pstdev(values) / unit, abs=1e-4)


def test_no_values_have_no_mean() -> None:
    assert value(lambda n: mean_and_spread(n.sum(), (n**2).sum(), n.len())[0], []) is None
