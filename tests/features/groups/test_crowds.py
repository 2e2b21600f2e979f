"""A class and a campaign share as much; only the campaign goes on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from features.groups.crowds import LEAST_HOURS, count_tied_hours, without_crowds
from features.groups.grouping import Groups, group_accounts
from features.groups.links import Links, read_links
from features.groups.members import group_lake

SIZE = 12  # accounts of each group
OTHERS = 200
Lakes = Callable[..., Any]


def requests(as_of: datetime, name: str, key: int, hours: int, own: int = 0) -> list[dict[str, Any]]:
    """Requests of `SIZE` accounts with one opening, one an hour on so many hours, and `own` others each."""
    rows = []
    for member in range(SIZE):
        account = f"{name}{member:02d}"
        times = [as_of - timedelta(days=9) + timedelta(hours=hour) for hour in range(hours)]
        rows += [{"account_id": account, "timestamp": time, "prefix": key} for time in times]
        late = [as_of - timedelta(days=3) + timedelta(hours=hour) for hour in range(own)]
        rows += [{"account_id": account, "timestamp": time, "prefix": 10**6 + 100 * key + member} for time in late]
    return rows


@pytest.fixture
def lake(events_of: Any, account_rows_of: Any, lake_of: Lakes, as_of: datetime) -> Any:
    """A class of two hours whose members go on by themselves, a campaign, and others who share nothing."""
    rows = [*requests(as_of, "class", 7, 2, own=4), *requests(as_of, "campaign", 8, 30)]
    for other in range(OTHERS):
        time = as_of - timedelta(days=10 + other % 17)
        rows += [{"account_id": f"other{other:03d}", "timestamp": time, "prefix": 2_000 + other}]
    names = sorted({row["account_id"] for row in rows})
    is_old = [name.startswith("other") for name in names]
    born = [as_of - timedelta(days=400 if old else 10, hours=i) for i, old in enumerate(is_old)]
    accounts = account_rows_of([{"account_id": name, "created_at": at} for name, at in zip(names, born, strict=True)])
    return lake_of([events_of(rows)], accounts)


@pytest.fixture
def surprising(lake: Any, as_of: datetime) -> tuple[Links, Groups]:
    account_links = read_links(lake, as_of)
    return account_links, group_accounts(account_links).campaigns()


def kinds(members: pl.DataFrame) -> list[str]:
    return sorted(members["account_id"].str.strip_chars("0123456789").unique())


def test_chance_explains_neither_a_class_nor_a_campaign(surprising: tuple[Links, Groups]) -> None:
    account_links, groups = surprising
    names = account_links.accounts.select("account_id").with_row_index("account")
    assert kinds(groups.members.join(names, on="account")) == ["campaign", "class"]


def test_hours_are_those_in_which_a_member_shows_what_ties_it(
    surprising: tuple[Links, Groups], lake: Any, as_of: datetime
) -> None:
    hours = count_tied_hours(surprising[1], surprising[0], lake, as_of)
    assert dict(hours.select("account_id", "hours").rows()) == {
        f"{name}{member:02d}": count for name, count in (("class", 2), ("campaign", 30)) for member in range(SIZE)
    }


def test_a_class_is_no_campaign_however_much_its_members_do_by_themselves(lake: Any, as_of: datetime) -> None:
    account_links, groups = group_lake(lake, as_of)
    names = account_links.accounts.select("account_id").with_row_index("account")
    assert kinds(groups.members.join(names, on="account")) == ["campaign"]
    assert set(groups.members["group"]) == set(groups.groups["group"]) == set(groups.keys["group"])


def test_a_campaign_is_reported_once_it_has_lasted(
    events_of: Any, account_rows_of: Any, lake_of: Lakes, lake: Any, as_of: datetime
) -> None:
    begin = as_of - timedelta(days=9)
    for hours, reported in ((LEAST_HOURS - 1, 0), (LEAST_HOURS, 1)):
        time = begin + timedelta(hours=hours - 1, minutes=59)
        account_links = read_links(lake, time)
        groups = group_accounts(account_links).campaigns()
        lasting = without_crowds(groups, account_links, lake, time)
        names = account_links.accounts.select("account_id").with_row_index("account")
        assert kinds(lasting.members.join(names, on="account")) == ["campaign"][:reported]


def test_without_groups_there_are_no_crowds(surprising: tuple[Links, Groups], lake: Any, as_of: datetime) -> None:
    account_links, groups = surprising
    none = groups.campaigns(1e9)
    assert without_crowds(none, account_links, lake, as_of).members.is_empty()
