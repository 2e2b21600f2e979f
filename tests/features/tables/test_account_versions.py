"""Versions of accounts: as of a time the row that holds then, as if later ones had never come."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from features.lake import TABLES, Lake
from features.tables.account_versions import new_versions, valid_versions

BORN = datetime(2026, 5, 1, tzinfo=UTC)
SCHEMA = {name: column.dtype for name, column in TABLES["accounts"].columns().items()}
days = st.integers(0, 20).map(lambda count: BORN + timedelta(days=count))
versions = st.lists(st.tuples(st.sampled_from("abc"), days, st.sampled_from(["free", "pro", "team"])), max_size=12)


def rows(*values: tuple[str, datetime, str]) -> pl.DataFrame:
    full = [{"account_id": name, "created_at": BORN, "valid_from": time, "plan": plan} for name, time, plan in values]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def said(*values: tuple[str, datetime | None, str]) -> pl.DataFrame:
    """Rows of an input; those without a time say nothing of since when they hold."""
    frame = rows(*((name, time or BORN, plan) for name, time, plan in values))
    return frame.with_columns(is_dated=pl.Series([time is not None for _, time, _ in values], dtype=pl.Boolean))


def plans(frame: pl.DataFrame) -> dict[str, str]:
    return dict(frame.select("account_id", "plan").iter_rows())


def day(count: int) -> datetime:
    return BORN + timedelta(days=count)


def test_as_of_a_time_the_version_of_then_holds() -> None:
    stored = rows(("a", BORN, "free"), ("a", day(5), "pro"), ("a", day(9), "team"), ("b", day(7), "free"))
    for as_of, expected in (
        (day(-1), {}),
        (day(4), {"a": "free"}),
        (day(5), {"a": "pro"}),
        (day(8), {"a": "pro", "b": "free"}),
        (day(99), {"a": "team", "b": "free"}),
    ):
        assert plans(valid_versions(stored.lazy(), as_of).collect()) == expected


def test_a_row_without_a_time_of_its_own_is_a_version_from_now_if_it_says_something_new() -> None:
    stored = rows(("a", BORN, "free"), ("b", BORN, "free"))
    later = said(("a", None, "pro"), ("b", None, "free"), ("c", None, "team"), ("a", None, "team"))
    fresh = new_versions(stored, later, now=day(3))
    assert sorted(fresh.select("account_id", "valid_from", "plan").rows()) == [
        ("a", day(3), "pro"),
        ("c", BORN, "team"),
    ]
    assert plans(new_versions(stored, later)) == {"c": "team"}
    assert new_versions(pl.concat([stored, fresh]), later, now=day(9)).is_empty()


def test_of_two_rows_of_one_time_the_first_that_came_stays() -> None:
    first = new_versions(rows(), said(("a", day(2), "pro"), ("a", day(2), "team")))
    assert plans(first) == {"a": "pro"}
    assert new_versions(first, said(("a", day(2), "free"))).is_empty()


def test_a_history_that_is_exported_again_leaves_the_present_version_as_it_is() -> None:
    """Its oldest row is dated as the account itself, and must not become the newest one."""
    history = said(("a", BORN, "free"), ("a", day(2), "team"))
    stored = new_versions(rows(), history, now=day(5))
    assert new_versions(stored, history, now=day(9)).is_empty()
    assert plans(new_versions(stored[1:], history, now=day(9))) == {"a": "free"}


def test_a_row_without_a_time_is_compared_with_the_version_of_now_not_with_a_planned_one() -> None:
    stored = rows(("a", BORN, "free"), ("a", day(20), "team"))
    assert new_versions(stored, said(("a", None, "free")), now=day(3)).is_empty()
    fresh = new_versions(stored, said(("a", None, "team")), now=day(3))
    assert fresh.select("valid_from", "plan").rows() == [(day(3), "team")]


def test_of_a_new_account_a_row_with_a_time_counts_before_one_without() -> None:
    fresh = new_versions(rows(), said(("a", None, "free"), ("a", BORN, "pro"), ("a", day(1), "team")), now=day(3))
    assert sorted(fresh.select("valid_from", "plan").rows()) == [(BORN, "pro"), (day(1), "team")]


@given(versions, days)
def test_what_holds_at_a_time_never_depends_on_later_versions_nor_on_the_order_of_ingest(
    all_versions: list[tuple[str, datetime, str]], as_of: datetime
) -> None:
    distinct = list({(name, time): (name, time, plan) for name, time, plan in all_versions}.values())
    early = [version for version in distinct if version[1] <= as_of]
    answers = []
    for order in (distinct, distinct[::-1], early):
        stored = rows()
        for version in order:
            stored = pl.concat([stored, new_versions(stored, said(version), now=day(30))])
        answers.append(plans(valid_versions(stored.lazy(), as_of).collect()))
    assert answers[0] == answers[1] == answers[2]


def test_a_later_version_leaves_the_stamp_and_the_rows_of_earlier_times_alone(tmp_path: Path, events_of: Any) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("events", [events_of([{"timestamp": day(1)}])], 1)
    lake.roll_up(1)
    lake.append("accounts", [rows(("a", BORN, "free"))], 1)
    before = lake.stamp(day(4)), lake.accounts(day(4))
    lake.append("accounts", [rows(("a", day(5), "pro"))], 2)
    assert lake.stamp(day(4)) == before[0] != lake.stamp(day(6))
    assert lake.accounts(day(4)).equals(before[1])
    assert plans(lake.accounts(day(6))) == {"a": "pro"}
