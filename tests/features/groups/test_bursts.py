"""Sign-up bursts: what is one, and what is usual."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.bursts import HOURS, mark_bursts

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
RECENT = timedelta(days=56)


def registered(ago: list[float | None], customers: list[int] | None = None) -> pl.DataFrame:
    """Accounts that registered so many days before `AS_OF`, each a customer of its own unless told."""
    times = [None if days is None else AS_OF - timedelta(days=days) for days in ago]
    customer_numbers = range(len(ago)) if customers is None else customers
    return pl.DataFrame({
        "customer": pl.Series(list(customer_numbers), dtype=pl.Int64),
        "created_at": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
    })  # fmt: skip


def evenly(a_day: float, days: int = 50) -> list[float | None]:
    return [1 + i / a_day for i in range(int(a_day * days))]


def bursts(accounts: pl.DataFrame) -> list[bool]:
    return mark_bursts(accounts, AS_OF, RECENT)["burst"].to_list()


@pytest.mark.parametrize("a_day", [1, 40])
def test_many_in_one_sitting_are_a_burst_where_so_many_are_not_usual(a_day: int) -> None:
    usual, sitting = evenly(a_day), [10.1 + i / 1000 for i in range(40)]
    in_burst = bursts(registered([*usual, *sitting]))
    assert all(in_burst[len(usual) :])
    assert sum(in_burst[: len(usual)]) <= a_day


def test_even_registrations_are_no_burst_however_many() -> None:
    assert not any(bursts(registered(evenly(400, days=30))))


def test_a_few_at_once_are_no_burst() -> None:
    assert not any(bursts(registered([10.0, 10.01])))


def test_the_seats_of_one_customer_are_no_burst() -> None:
    usual = evenly(2)
    seats = [10.1 + i / 1000 for i in range(40)]
    accounts = registered([*usual, *seats], [*range(len(usual)), *[10**6] * 40])
    assert not any(bursts(accounts))


def test_bursts_of_long_ago_and_unknown_times_are_none() -> None:
    long_ago = [80.1 + i / 1000 for i in range(40)]
    marked = mark_bursts(registered([*long_ago, None, None]), AS_OF, RECENT)
    assert not marked["burst"].any()
    assert marked["signup_time"].null_count() == 2


def test_nobody_and_nobody_lately_have_no_burst() -> None:
    assert bursts(registered([])) == []
    assert bursts(registered([None])) == [False]
    assert bursts(registered([500.0])) == [False]


@given(st.lists(st.floats(0, 120), max_size=60), st.randoms(use_true_random=False))
def test_rows_keep_their_order_and_say_the_same_in_any(ago: list[float], random: np.random.RandomState) -> None:
    accounts = registered(list(ago)).with_row_index("row")
    marked = mark_bursts(accounts, AS_OF, RECENT)
    assert marked["row"].to_list() == list(range(len(ago)))
    order = list(range(len(ago)))
    random.shuffle(order)
    again = mark_bursts(accounts[order], AS_OF, RECENT).sort("row")
    assert again.equals(marked)
    hours = marked.select((pl.col("created_at").dt.epoch("s") // 3600 - HOURS * pl.col("signup_time")).alias("hours"))
    assert hours["hours"].is_between(0, HOURS - 1).all()
