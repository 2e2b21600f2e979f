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
    later = rows(("a", BORN, "pro"), ("b", BORN, "free"), ("c", BORN, "team"), ("a", BORN, "team"))
    fresh = new_versions(stored, later, now=day(3))
    assert sorted(fresh.select("account_id", "valid_from", "plan").rows()) == [
        ("a", day(3), "pro"),
        ("c", BORN, "team"),
    ]
    assert plans(new_versions(stored, later)) == {"c": "team"}
    assert new_versions(pl.concat([stored, fresh]), later, now=day(9)).is_empty()


def test_of_two_rows_of_one_time_the_first_that_came_stays() -> None:
    first = new_versions(rows(), rows(("a", day(2), "pro"), ("a", day(2), "team")))
    assert plans(first) == {"a": "pro"}
    assert new_versions(first, rows(("a", day(2), "free"))).is_empty()


@given(versions, days)
def test_what_holds_at_a_time_never_depends_on_later_versions_nor_on_the_order_of_ingest(
    all_versions: list[tuple[str, datetime, str]], as_of: datetime
) -> None:
    distinct = list({(name, time): (name, time, plan) for name, time, plan in all_versions if time > BORN}.values())
    early = [version for version in distinct if version[1] <= as_of]
    answers = []
    for order in (distinct, distinct[::-1], early):
        stored = rows()
        for version in order:
            stored = pl.concat([stored, new_versions(stored, rows(version))])
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
