"""Features of a campaign: those of one account that did all that its members did."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from features.accounts import read_out
from features.catalogue import FEATURES
from features.groups.pooled import read_pooled
from features.lake import Lake

REGISTERED = [
    f.name for f in FEATURES if f.family == "account" or f.name.endswith(("_on_plan_28d", "_on_programme_28d"))
]


def test_a_campaign_has_the_features_of_one_account_that_sent_all_its_requests(
    world: Any, lake_of: Callable[..., Lake], as_of: datetime
) -> None:
    names = sorted(set(world.events["account_id"]))
    ours, theirs = names[3:9], names[20:22]
    campaign = pl.DataFrame({
        "account_id": [*ours, *theirs], "campaign_id": ["campaign_a"] * len(ours) + ["campaign_b"] * len(theirs),
    })  # fmt: skip
    renamed = dict(campaign.iter_rows())
    as_one = world.events.with_columns(pl.col("account_id").replace(renamed))
    others = world.accounts.filter(~pl.col("account_id").is_in([*ours, *theirs]))
    pooled = read_pooled(lake_of([world.events], others), campaign, as_of)
    want = read_out(lake_of([as_one], others), as_of).filter(pl.col("account_id").str.starts_with("campaign_"))
    unknown = [name for name in REGISTERED if not pooled[name].count()]
    assert pooled["campaign_id"].to_list() == ["campaign_a", "campaign_b"]
    assert (
        set(unknown) == {name for name in REGISTERED if not want[name].count()} >= {"age_days", "requests_on_plan_28d"}
    )
    apart = [name for name in want.columns if name not in REGISTERED]
    assert_frame_equal(pooled.rename({"campaign_id": "account_id"}).select(apart), want.select(apart), check_exact=True)


def test_an_account_of_two_campaigns_counts_in_both_and_a_campaign_without_requests_in_none(
    world: Any, lake_of: Callable[..., Lake], as_of: datetime
) -> None:
    account = world.events["account_id"][0]
    members = pl.DataFrame({"account_id": [account, account, "nobody"], "campaign_id": ["c1", "c2", "c3"]})
    pooled = read_pooled(lake_of([world.events], world.accounts), members, as_of)
    alone = read_out(lake_of([world.events], world.accounts), as_of).filter(pl.col("account_id") == account)
    assert pooled["campaign_id"].to_list() == ["c1", "c2"]
    assert pooled["requests_28d"].to_list() == alone["requests_28d"].to_list() * 2


def test_what_only_members_lack_is_told_as_of_an_account(events_of: Any, lake_of: Any, as_of: datetime) -> None:
    lake = lake_of([events_of([{"account_id": "a"}, {"account_id": "b"}, {"account_id": "c", "address": 1}])])
    members = pl.DataFrame({"account_id": ["a", "b"], "campaign_id": ["one", "one"]})
    pooled = read_pooled(lake, members, as_of)
    assert pooled["without_address_share_28d"].to_list() == [1.0]
    assert pooled["first_turn_share_28d"].to_list() == [None], "nobody has texts"


def test_without_members_there_is_nothing_to_read_out(
    world: Any, lake_of: Callable[..., Lake], as_of: datetime
) -> None:
    members = pl.DataFrame(schema={"account_id": pl.String, "campaign_id": pl.String})
    assert read_pooled(lake_of([world.events], world.accounts), members, as_of).is_empty()
