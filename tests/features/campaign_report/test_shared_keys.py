"""What members share: enough of them, by pseudonym, over their whole life."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from features.campaign_report.shared_keys import list_shared_keys
from features.groups.members import group_lake
from features.identity import key_pseudonym


def test_shared_keys_are_counted_over_members_and_over_their_whole_life(
    lake_of: Any, events_of: Any, as_of: datetime
) -> None:
    begin, long_ago = as_of - timedelta(days=9), as_of - timedelta(days=60)
    sent = [{"account_id": f"other{i:03d}", "timestamp": begin, "prefix": 10**6 + i} for i in range(100)]
    for user in range(12):
        shown = {"prefix": 8, "suffix": 9 if user < 4 else 10**7 + user, "address": 7 if user < 6 else 10**7 + user}
        sent += [{"account_id": f"user{user:02d}", "timestamp": begin + timedelta(hours=i)} | shown for i in range(20)]
    sent += [{"account_id": "user00", "timestamp": long_ago, "prefix": 8}]
    sent += [{"account_id": "user00", "timestamp": as_of + timedelta(hours=1), "prefix": 8}]
    sent += [{"account_id": "silent", "timestamp": long_ago - timedelta(days=1), "prefix": 8, "address": 7}]
    lake = lake_of([events_of(sent)])
    weighed = group_lake(lake, as_of)
    members = weighed.links.accounts["account_id"].gather(weighed.groups.members["account"])
    everybody = pl.concat([members, pl.Series(["silent"])])
    shared = list_shared_keys(lake, weighed.links, weighed.groups, everybody, as_of)
    rows = {row["kind"]: row for row in shared.table.to_dicts()}
    assert rows.keys() == {"prefix", "address"} and shared.left_out == 1
    prefix, address = rows["prefix"], rows["address"]
    assert (prefix["accounts"], prefix["requests"]) == (13, 12 * 20 + 2)
    assert prefix["first_seen"] == (long_ago - timedelta(days=1)).replace(minute=0, second=0)
    assert (address["accounts"], address["requests"], address["is_infrastructure"]) == (7, 121, True)
    alone = list_shared_keys(lake, weighed.links, weighed.groups, members, as_of).table
    assert dict(alone.select("kind", "accounts").rows()) == {"prefix": 12, "address": 6}
    assert not prefix["is_infrastructure"]
    assert prefix["pseudonym"] == pl.select(key_pseudonym(pl.lit("prefix"), pl.lit(8))).item()
    assert shared.keys.to_list() == [{"prefix": 8, "address": 7}[kind] for kind in shared.table["kind"]]
