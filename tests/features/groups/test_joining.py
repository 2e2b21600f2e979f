"""Joining groups between two groupings: by the measures that make a member when all are grouped again."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from features.groups.joining import GROUP_KEYS, join_groups, list_group_keys
from features.groups.members import WeighedGroups, group_lake

USERS, OTHERS, HOURS, TEMPLATE = 12, 100, 20, 8
Rows = list[dict[str, Any]]


def requests_of(account_id: str, begin: datetime, template: int, cover: int = 0) -> Rows:
    """One request with the template in each of `HOURS` hours, and others without it beside."""
    times = [begin + timedelta(hours=hour) for hour in range(HOURS)]
    rows: Rows = [{"account_id": account_id, "timestamp": time, "prefix": template} for time in times]
    own = int.from_bytes(account_id.encode()[-7:])
    return rows + [{"account_id": account_id, "timestamp": times[i % HOURS], "prefix": own + i} for i in range(cover)]


@pytest.fixture
def sent(as_of: datetime) -> Rows:
    """A campaign beside bystanders."""
    begin = as_of - timedelta(days=9)
    rows: Rows = [{"account_id": f"other{i:03d}", "timestamp": begin, "prefix": 10**6 + i} for i in range(OTHERS)]
    return [*rows, *(row for user in range(USERS) for row in requests_of(f"user{user:02d}", begin, TEMPLATE))]


@pytest.fixture
def weighed(sent: Rows, lake_of: Any, events_of: Any, as_of: datetime) -> WeighedGroups:
    return group_lake(lake_of([events_of(sent)]), as_of)


@pytest.fixture
def group_keys(weighed: WeighedGroups) -> pl.DataFrame:
    accounts = weighed.links.accounts.select("account_id").with_row_index("account")
    members = weighed.groups.members.join(accounts, on="account")
    return list_group_keys(weighed.links, members.select(pl.lit("c1").alias("group"), "account_id"))


def test_a_groups_keys_are_those_its_members_share_and_its_median_is_a_members_strength(
    group_keys: pl.DataFrame, weighed: WeighedGroups
) -> None:
    assert group_keys.schema == GROUP_KEYS
    assert group_keys["key"].to_list() == [TEMPLATE]
    assert group_keys["accounts"].to_list() == [USERS]
    assert group_keys["median"][0] == pytest.approx(weighed.groups.members["strength"].median())


def test_an_account_that_begins_to_send_what_a_group_shares_belongs_to_it_at_once_and_also_when_all_are_grouped_again(
    sent: Rows, group_keys: pl.DataFrame, lake_of: Any, events_of: Any, as_of: datetime
) -> None:
    since = as_of - timedelta(days=1)
    late = [*requests_of("late", since, TEMPLATE), *requests_of("stranger", since, 77)]
    late += requests_of("now and then", since - timedelta(days=1), 78, cover=4 * HOURS)
    late += [{"account_id": "now and then", "timestamp": since, "prefix": TEMPLATE}]
    lake = lake_of([events_of([*sent, *late])])
    everybody = lake.seen(as_of)["account_id"]
    joined = join_groups(lake, as_of, everybody, group_keys)
    members = [*(f"user{user:02d}" for user in range(USERS)), "late"]
    assert sorted(joined["account_id"]) == sorted(members)
    assert set(joined["group"]) == {"c1"}
    assert joined["closeness"].abs().max() < 1e-9
    assert set(joined["ties"]) == {f"openings of prompts (1 key, up to {USERS} accounts)"}
    again = group_lake(lake, as_of)
    numbers = again.links.accounts.select("account_id").with_row_index("account")
    assert sorted(again.groups.members.join(numbers, on="account")["account_id"]) == sorted(members)


def test_only_those_who_are_asked_about_are_weighed_and_nothing_later_is_looked_at(
    sent: Rows, group_keys: pl.DataFrame, lake_of: Any, events_of: Any, as_of: datetime
) -> None:
    late = requests_of("late", as_of + timedelta(seconds=1), TEMPLATE)
    late += [{"account_id": "late", "timestamp": as_of - timedelta(days=2), "prefix": 5}]
    lake = lake_of([events_of([*sent, *late])])
    asked = pl.Series(["late", "user03", "nobody"])
    assert join_groups(lake, as_of, asked, group_keys)["account_id"].to_list() == ["user03"]
    later = as_of + timedelta(days=1)
    assert join_groups(lake, later, asked, group_keys)["account_id"].to_list() == ["late", "user03"]


def test_accounts_of_an_organisation_wait_for_the_next_grouping(
    sent: Rows, group_keys: pl.DataFrame, lake_of: Any, events_of: Any, account_rows_of: Any, as_of: datetime
) -> None:
    late = [
        *requests_of("seat", as_of - timedelta(days=1), TEMPLATE),
        *requests_of("late", as_of - timedelta(days=1), TEMPLATE),
    ]
    accounts = account_rows_of([{"account_id": "seat", "organization": 5}, {"account_id": "late"}])
    lake = lake_of([events_of([*sent, *late])], accounts)
    assert join_groups(lake, as_of, pl.Series(["seat", "late"]), group_keys)["account_id"].to_list() == ["late"]
