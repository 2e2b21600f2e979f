"""Aliases: as of a time after the change, an account's history is that of one that always had its present id."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.accounts import read_out
from features.errors import InputError
from features.lake import TABLES, Lake
from features.tables.aliases import all_ids, canonical_ids, check_aliases, merge_registrations, rename_accounts
from tests.conftest import cases

SCHEMA = {name: column.dtype for name, column in TABLES["aliases"].columns().items()}
Row = tuple[str, str, datetime]


@pytest.fixture(scope="module")
def day(as_of: datetime) -> Callable[[float], datetime]:
    """The time so many days before the newest."""
    return lambda ago: as_of - timedelta(days=ago)


def table(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def names(rows: Sequence[Row], as_of: datetime) -> dict[str, str]:
    return dict(canonical_ids(table(*rows).lazy(), as_of).iter_rows())


def test_a_chain_is_followed_to_its_end_as_far_as_it_holds_then(day: Callable[[float], datetime]) -> None:
    rows = [("a", "b", day(5)), ("b", "c", day(3)), ("c", "d", day(3)), ("x", "d", day(4)), ("d", "e", day(1))]
    assert names(rows, day(6)) == {}
    assert names(rows, day(5)) == {"a": "b"}
    assert names(rows, day(3)) == {"a": "d", "b": "d", "c": "d", "x": "d"}
    assert names(rows, day(0)) == {"a": "e", "b": "e", "c": "e", "d": "e", "x": "e"}


def test_a_long_chain_is_followed_to_its_end(day: Callable[[float], datetime]) -> None:
    rows = [(f"{i:03d}", f"{i + 1:03d}", day(1)) for i in range(150)]
    assert set(names(rows, day(0)).values()) == {"150"}


def test_rows_without_an_alias_stay_as_they_are(day: Callable[[float], datetime]) -> None:
    resolved = canonical_ids(table(("a", "b", day(1))).lazy(), day(0))
    rows = pl.DataFrame({"account_id": ["c", "a", "b"], "n": [1, 2, 3]})
    assert rename_accounts(rows, resolved)["account_id"].to_list() == ["c", "b", "b"]
    assert rename_accounts(rows, resolved.clear()) is rows


def test_the_present_ids_own_registration_counts_before_that_of_older_ids(
    account_rows_of: Any, day: Callable[[float], datetime]
) -> None:
    rows = account_rows_of([
        {"account_id": "a", "created_at": day(50), "plan": "team"},
        {"account_id": "b", "created_at": day(90), "plan": "pro"},
        {"account_id": "x", "created_at": day(60), "plan": "free"},
        {"account_id": "y", "created_at": day(40), "plan": "enterprise"},
    ])  # fmt: skip
    resolved = canonical_ids(table(("a", "b", day(1)), ("x", "z", day(1)), ("y", "z", day(1))).lazy(), day(0))
    merged = merge_registrations(rows, resolved)
    assert merged.select("account_id", "plan").rows() == [("b", "pro"), ("z", "enterprise")]
    assert merged.columns == rows.columns


def test_every_id_of_an_account_is_listed_whichever_is_given(day: Callable[[float], datetime]) -> None:
    aliases = table(("a", "b", day(3)), ("b", "c", day(3)), ("d", "c", day(-1))).lazy()
    for given_id in "abc":
        assert all_ids(aliases, [given_id], day(0)) == ["a", "b", "c"]
    assert all_ids(aliases, ["d", "e"], day(0)) == ["d", "e"]


def test_accounts_that_are_each_others_aliases_are_refused(day: Callable[[float], datetime]) -> None:
    check_aliases(table())
    check_aliases(table(("a", "b", day(3)), ("b", "c", day(2))))
    with pytest.raises(InputError, match="'a' and 'b' and 'c' are aliases of each other in a circle: leave out one"):
        check_aliases(table(("c", "a", day(1)), ("a", "b", day(3)), ("b", "c", day(2)), ("x", "a", day(2))))


def test_an_account_that_is_the_same_as_two_others_at_one_time_is_refused(day: Callable[[float], datetime]) -> None:
    with pytest.raises(InputError, match=r"from 2026-05-30T10:20:30Z on 'a' is the same as 'b' and as 'c': leave out"):
        check_aliases(table(("a", "b", day(3)), ("a", "c", day(2))))
    with pytest.raises(InputError, match="is the same as 'b' and as 'c'"):
        check_aliases(table(("a", "b", day(3)), ("a", "c", day(2)), ("b", "c", day(1))))


def test_a_table_that_names_the_end_of_each_chain_anew_is_accepted(day: Callable[[float], datetime]) -> None:
    rows = [("a", "b", day(3)), ("b", "c", day(2)), ("a", "c", day(2)), ("a", "c", day(1))]
    check_aliases(table(*rows))
    assert names(rows, day(2.5)) == {"a": "b"}
    assert names(rows, day(0)) == {"a": "c", "b": "c"}


ACCOUNTS = 8
edges = st.lists(
    st.tuples(st.integers(0, ACCOUNTS - 2), st.integers(1, ACCOUNTS), st.sampled_from([20.0, 9.5, 3.0, 0.25])),
    max_size=6,
    unique_by=lambda edge: edge[0],
)


def acct(number: int) -> str:
    return f"acct-{number:04d}"


def rename_by_hand(frame: pl.DataFrame, rows: Sequence[Row], as_of: datetime) -> pl.DataFrame:
    """Follow each account's aliases one by one, in plain Python."""
    step = {old: new for old, new, since in rows if since <= as_of}

    def end(account: str) -> str:
        return end(step[account]) if account in step else account

    return frame.with_columns(pl.col("account_id").map_elements(end, return_dtype=pl.String))


@given(edges, st.sampled_from([30.0, 9.5, 4.0, 0.1, 0.0]))
@settings(max_examples=cases(10), deadline=None)
def test_features_are_those_of_a_log_that_had_the_present_ids_from_the_start(
    small_world: Any, lake_of: Callable[..., Any], day: Callable[[float], datetime], drawn: Any, ago: float
) -> None:
    """To the bit, as of any time: aliases that begin later change nothing."""
    rows = [(acct(old), acct(min(old + step, ACCOUNTS)), day(since)) for old, step, since in drawn]
    time = day(ago)
    parts = [small_world.events[::2], small_world.events[1::2]]
    stored = lake_of(parts, small_world.accounts)
    with_aliases = replace(stored, tables={**stored.tables, "aliases": table(*rows)})
    registered = small_world.accounts.filter((pl.col("created_at") <= time) & (pl.col("valid_from") <= time))
    own = rename_by_hand(registered.with_columns(stored_id="account_id"), rows, time)
    is_other = pl.col("stored_id") != pl.col("account_id")
    newest_first = own.sort(is_other, "valid_from", "stored_id", descending=[False, True, False])
    accounts = newest_first.unique("account_id", keep="first").select(registered.columns)
    from_the_start = lake_of([rename_by_hand(part, rows, time) for part in parts], accounts)
    assert with_aliases.seen(time).equals(from_the_start.seen(time))
    assert_frame_equal(read_out(with_aliases, time), read_out(from_the_start, time), check_exact=True)


def test_bans_of_an_older_id_are_those_of_the_present_one(
    lake_of: Callable[..., Any], events_of: Any, day: Callable[[float], datetime]
) -> None:
    acts = pl.DataFrame(
        [("a", "ban", day(9)), ("c", "ban", day(9)), ("d", "restore", day(2))],
        schema={"account_id": pl.String, "action": pl.String, "acted_at": pl.Datetime("us", "UTC")},
        orient="row",
    )
    stored = lake_of([events_of([{}])])
    aliases = table(("a", "b", day(5)), ("c", "d", day(5)))
    lake: Lake = replace(stored, tables={**stored.tables, "enforcement": acts, "aliases": aliases})
    assert lake.banned(day(6))["account_id"].to_list() == ["a", "c"]
    assert lake.banned(day(1)).rows() == [("b", day(9))]
    assert replace(lake, names_at=day(1)).banned(day(6))["account_id"].to_list() == ["b", "d"]
