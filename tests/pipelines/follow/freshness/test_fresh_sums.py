"""What is added up over a lake and the events beside it, kept from one refresh to the next."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from features.catalogue import SHARED_KINDS
from features.families.key_counts import codes_of, count_sharing
from features.families.lake_sums import Chosen, LakeSums
from features.lake import Lake, full_hour
from features.tables.rewriting import compact_tables
from pipelines.follow.freshness.fresh_lake import FreshLake
from pipelines.follow.freshness.fresh_sums import FreshSums, StoredSums
from pipelines.workspace import Workspace
from tests.pipelines.follow.conftest import AS_OF


def added_up(sums: LakeSums, as_of: datetime) -> list[pl.DataFrame]:
    """All sums, whatever the order of their rows and in how many rows an account's usage lies."""
    usage = sums.usage(as_of).group_by("account_id").agg(pl.col("requests", "output_tokens").sum())
    keys = ["account_id", "kind", "key"]
    frames = [sums.usual_keys(as_of).select(*keys, "requests").sort(keys), usage.sort("account_id")]
    some = sums.seen(as_of)["account_id"][1::2]  # not neighbours of each other
    chosen = Chosen(some if len(some) else pl.Series(["nobody"]), are_neighbours=False)
    dated, hourly = sums.own_keys(as_of, chosen)
    added = hourly.group_by("account_id", "kind", "key", "hour").agg(pl.col("requests").sum())
    shared = dated.filter(pl.col("kind").is_in(codes_of(SHARED_KINDS)))["key"].unique()
    shown = sums.shown_keys(as_of, shared).filter(pl.col("key").is_in(shared.implode()))
    accounts = sums.lake.accounts(as_of)
    own = [
        sums.hours(as_of, chosen).sort("account_id", "hour"),
        dated.lazy().select(*keys, "requests", "recent", "first").sort(keys),
        added.sort("account_id", "kind", "key", "hour"),
        count_sharing(shown, accounts, as_of).lazy().sort("kind", "key"),
    ]
    everyone = [sums.seen(as_of), sums.kinds(as_of).sort().to_frame()]
    return [*(frame.collect() for frame in (*frames, *own)), *everyone]


def assert_same_sums(remembered: LakeSums, anew: LakeSums, as_of: datetime) -> None:
    for left, right in zip(added_up(remembered, as_of), added_up(anew, as_of), strict=True):
        assert_frame_equal(left, right)


def stored(lake: Lake, events: pl.DataFrame, source: int) -> None:
    lake.append("events", [events.with_columns(source=pl.lit(source, pl.Int64))], source)
    lake.roll_up(source)


def test_sums_that_are_kept_are_those_of_a_lake_of_all_events(
    new_workspace: Callable[[], Workspace], world: Any
) -> None:
    """Late and present events, and some that are ahead; stored by the follower or another command; other hours."""
    lake, whole, memory = new_workspace().lake, new_workspace().lake, StoredSums()
    fresh, now = FreshLake(lake.root), full_hour(AS_OF) - timedelta(hours=30) + timedelta(minutes=20)
    is_present, is_ahead = (pl.int_range(pl.len()) % 10 == digit for digit in (0, 1))
    present, ahead = (pl.lit(now + timedelta(minutes=minutes)).cast(pl.Datetime("us", "UTC")) for minutes in (-10, 10))
    time = pl.when(is_present).then(present).when(is_ahead & (pl.int_range(pl.len()) > 150)).then(ahead)
    events = world.events.with_columns(timestamp=time.otherwise("timestamp"))
    events = events.with_columns(day=pl.col("timestamp").dt.date())
    steps = ["ingest", "beside", "store", "beside", "compact", "beside", "next hour", "ingest", "store"]
    size = -(-len(events) // len(steps))
    for turn, step in enumerate(steps):
        new = events[turn * size : (turn + 1) * size]
        stored(whole, new, turn + 1)
        if step == "ingest":
            stored(lake, new, turn + 1)
        else:
            fresh = fresh.beside(new)
        if step == "store":
            stored(lake, fresh.fresh_events(), turn + 1)
            fresh = FreshLake(lake.root)
        if step == "compact":
            compact_tables(lake)
        now += timedelta(hours=1) if step == "next hour" else timedelta(seconds=2)
        assert_same_sums(FreshSums(fresh.at(now), memory), LakeSums(whole), now)
    earlier = now - timedelta(days=7)
    assert_same_sums(FreshSums(fresh.at(earlier), memory), LakeSums(whole), earlier)
