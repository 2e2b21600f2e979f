"""Groups of a lake, weighed by what their members do."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from features.groups.link_kinds import LINK_KINDS
from features.groups.members import count_members, group_lake
from features.schemas import TOPIC_SIZE

USERS, OTHERS, HOURS = 12, 100, 20


def weigh_users(subject: Callable[[int, int], int], lake_of: Any, events_of: Any, as_of: datetime) -> dict[str, Any]:
    """Weigh accounts that send one template, about a subject that depends on account and hour, beside bystanders."""
    begin = as_of - timedelta(days=9)
    sent = [{"account_id": f"other{i:03d}", "timestamp": begin, "prefix": 10**6 + i} for i in range(OTHERS)]
    for user in range(USERS):
        for hour in range(HOURS):
            topic = [100 * (axis == subject(user, hour) % TOPIC_SIZE) for axis in range(TOPIC_SIZE)]
            shown = {"prefix": 8, "words": 9, "topic": topic}
            sent += [{"account_id": f"user{user:02d}", "timestamp": begin + timedelta(hours=hour), **shown}]
    (group,) = group_lake(lake_of([events_of(sent)]), as_of).evidence.to_dicts()
    assert group["accounts"] == USERS
    return group


def test_members_with_subjects_of_their_own_are_rather_customers_of_one_tool(
    lake_of: Any, events_of: Any, as_of: datetime
) -> None:
    own = weigh_users(lambda user, _: user, lake_of, events_of, as_of)
    dealt = weigh_users(lambda user, hour: 5 * user + 7 * hour, lake_of, events_of, as_of)
    assert (own["topic_spread"], dealt["topic_spread"]) == (1.0, pytest.approx(0.0, abs=0.1))
    assert own["odds"] < dealt["odds"] - 9


def test_the_members_that_show_a_key_are_counted(lake_of: Any, events_of: Any, as_of: datetime) -> None:
    begin = as_of - timedelta(days=9)
    sent = [{"account_id": f"other{i:03d}", "timestamp": begin, "prefix": 10**6 + i} for i in range(OTHERS)]
    for user in range(USERS):
        shown = [{"prefix": 8, "suffix": 9 if user < 7 else 10**7 + user}] * HOURS
        sent += [{"account_id": f"user{user:02d}", "timestamp": begin + timedelta(hours=i)} | key
                 for i, key in enumerate(shown)]  # fmt: skip
    weighed = group_lake(lake_of([events_of(sent)]), as_of)
    numbers = weighed.links.keys.with_row_index("number").rows_by_key("number", named=True, unique=True)
    counted = {
        (LINK_KINDS[numbers[key]["kind"]].name, numbers[key]["key"]): accounts
        for _, key, accounts in count_members(weighed.links, weighed.groups).iter_rows()
    }
    assert counted == {("prefix", 8): USERS, ("suffix", 9): 7}
