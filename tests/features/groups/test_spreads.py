from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import f_oneway

from features.groups.spreads import SPREADS, measure_spreads
from features.schemas import TOPIC_SIZE

START = datetime(2026, 4, 6, tzinfo=UTC)
ACCOUNTS, HOURS = 12, 20


def cells_of(rng: np.random.Generator, own: float, group: str = "g", requests: int = 1) -> pl.DataFrame:
    """Hours of accounts that have subjects and hours of their own, the subjects `own` times as strong as chance."""
    account = np.repeat(np.arange(ACCOUNTS), HOURS)
    subject = own * rng.normal(size=(ACCOUNTS, TOPIC_SIZE))[account] + rng.normal(size=(len(account), TOPIC_SIZE))
    shift = (own > 0) * rng.integers(0, 24, ACCOUNTS)[account]
    clock = (shift + rng.integers(0, 3 if own > 0 else 24, len(account))) % 24
    return pl.DataFrame(
        {
            "group": group,
            "account_id": [f"a{i:02d}" for i in account],
            "hour": [START + timedelta(days=int(i % HOURS), hours=int(h)) for i, h in enumerate(clock)],
            "topic": (requests * 1000 * subject).round().astype(np.int64).tolist(),
            "with_topic": requests,
        }
    )


def test_members_who_are_dealt_one_queue_differ_by_chance_only() -> None:
    spreads = measure_spreads(cells_of(np.random.default_rng(1), own=0.0)).row(0, named=True)
    assert all(spreads[name] < 0.1 for name in SPREADS)


def test_members_with_subjects_and_hours_of_their_own_differ_on_both_counts() -> None:
    spreads = measure_spreads(cells_of(np.random.default_rng(1), own=2.0)).row(0, named=True)
    assert all(spreads[name] > 0.5 for name in SPREADS)


def test_the_share_is_that_of_an_analysis_of_variance() -> None:
    cells = cells_of(np.random.default_rng(2), own=0.7)
    only_one = cells.with_columns(topic=pl.concat_list(pl.col("topic").list.first(), *[pl.lit(7)] * (TOPIC_SIZE - 1)))
    by_account = [part["topic"].list.first().to_numpy() for part in only_one.partition_by("account_id")]
    f = f_oneway(*by_account).statistic
    measured = measure_spreads(only_one)["topic_spread"].item()
    assert measured == pytest.approx((f - 1) / (f - 1 + HOURS), abs=1e-6)


def test_groups_do_not_change_one_another_nor_does_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    parts = [cells_of(rng, own, group) for own, group in ((0.0, "a"), (1.0, "b"), (0.3, "c"))]
    together = pl.concat(parts).sample(fraction=1.0, shuffle=True, seed=4)
    assert_frame_equal(measure_spreads(together), pl.concat(measure_spreads(part) for part in parts), check_exact=True)


def test_one_hour_for_each_member_tells_nothing() -> None:
    cells = cells_of(np.random.default_rng(5), own=1.0).unique("account_id", keep="first")
    assert measure_spreads(cells).select(SPREADS).row(0) == (None,) * len(SPREADS)


def test_hours_without_text_are_passed_over() -> None:
    cells = cells_of(np.random.default_rng(6), own=1.0)
    silent = cells.with_columns(hour=pl.col("hour") + timedelta(days=40), with_topic=0, topic=pl.lit([0] * TOPIC_SIZE))
    with_silent = measure_spreads(pl.concat([cells, silent.select(cells.columns).cast(cells.schema)]))
    assert with_silent["topic_spread"].item() == measure_spreads(cells)["topic_spread"].item()


def test_no_group_gives_no_row() -> None:
    assert measure_spreads(cells_of(np.random.default_rng(7), own=1.0).clear()).is_empty()


@settings(max_examples=25, deadline=None)
@given(own=st.floats(0, 4), seed=st.integers(0, 1 << 16), requests=st.integers(1, 1000))
def test_every_share_lies_between_0_and_1(own: float, seed: int, requests: int) -> None:
    spreads = measure_spreads(cells_of(np.random.default_rng(seed), own, requests=requests))
    assert spreads.select(pl.all_horizontal(pl.col(SPREADS).is_between(0, 1))).item()
