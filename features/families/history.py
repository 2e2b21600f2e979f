"""What is known about accounts as of a time, in the form that the families of features read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from features.catalogue import SHARED_KINDS
from features.families.key_counts import (
    KEY_SUMS,
    SEGMENT,
    codes_of,
    count_adoption,
    count_around_blocks,
    count_at_once,
    count_keys,
    count_sharing,
    count_usual,
    date_keys,
    find_latest_release,
    weigh_segments,
)
from features.families.lake_sums import Chosen, LakeSums
from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS

_PART_ROWS = 6_000_000  # key counts read out at once: bounds memory to some 2 GB


@dataclass(frozen=True)
class History:
    """Added rollups of some accounts over the 28 days before a time.

    Attributes:
        as_of: the time.
        seen: `account_id`, `first_seen`, `last_seen` of the accounts, sorted.
        hours: `AccountRollups`, one row per account and hour, sorted by both.
        keys: `account_id`, `kind`, `key`, `requests` (28-day counts), `recent` (those of the last three days), `first`
            (the first hour within 28 days).
        sharing: `kind`, `key` and `KEY_SUMS` over the accounts that show it, for the keys of all accounts that two or
            more show.
        segments: `segment`, `kind`, `key`, `weight`: the keys of all accounts of a plan ("" where it isn't known),
            every account having the same weight `WHOLE`, divided by its requests.
        accounts: `AccountRows` of all accounts registered by then, these or others.
        release: `model`, `since` (full hour) of the latest release of the 28 days that a day has passed since; models
            of the same hour are one release. No rows without one.
        adopted: `account_id`, `adopted` (requests on the released models since then), `adopted_1d`, `adopted_3d` (those
            of `PIVOTS`), `first` (the first hour); accounts without any are left out.
        at_once: `account_id`, `hour`, `subnets`, `countries`: how many different ones in the hours that show a subnet.
        blocked: `account_id`, `key`, `before`, `after`: requests by model before and after the first hour in which some
            were refused; accounts without such an hour are left out.
    """

    as_of: datetime
    seen: pl.DataFrame
    hours: pl.DataFrame
    keys: pl.DataFrame
    sharing: pl.DataFrame
    segments: pl.DataFrame
    accounts: pl.DataFrame
    release: pl.DataFrame
    adopted: pl.DataFrame
    at_once: pl.DataFrame
    blocked: pl.DataFrame

    def within(self, window: timedelta) -> pl.Expr:
        """True for hours in the trailing window, which begins at a full hour."""
        return pl.col("hour") >= full_hour(self.as_of) - window

    def of_kind(self, *kinds: str) -> pl.DataFrame:
        """Key counts of some kinds."""
        return self.keys.filter(pl.col("kind").is_in(codes_of(kinds)))

    @cached_property
    def counts(self) -> pl.DataFrame:
        """`account_id`, `kind`, `requests`, `keys`: how many keys of a kind an account shows so many times.

        Most keys are shown once, so these are few rows, and tell as much where it does not matter which keys they are.
        """
        grouped = self.keys.lazy().group_by("account_id", "kind", "requests")
        return grouped.agg(keys=pl.len().cast(pl.Int64)).collect(engine="streaming")

    def counts_of_kind(self, *kinds: str) -> pl.DataFrame:
        """The `counts` of some kinds."""
        return self.counts.filter(pl.col("kind").is_in(codes_of(kinds)))

    @cached_property
    def shared(self) -> pl.DataFrame:
        """The `keys` that other accounts show too, with the columns of `sharing`; `requests` are the account's."""
        sums = self.sharing.lazy().rename({"requests": "requests_of_all"})
        return self.of_kind(*SHARED_KINDS).lazy().join(sums, on=["kind", "key"]).collect(engine="streaming")

    @cached_property
    def minutes(self) -> pl.DataFrame:
        """Minutes with a request, in order: `account_id`, `minute`, `gap` to the one before, null for the first."""
        masks = self.hours["minutes"].to_numpy().astype(np.uint64)
        bits = np.unpackbits(masks.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        row, minute = np.nonzero(bits)
        at = self.hours.select("account_id", minute=pl.col("hour").dt.epoch("s") // 60)[row]
        seen = at.with_columns(pl.col("minute") + pl.Series(minute))
        return seen.with_columns(gap=step_within_account("minute"))


def step_within_account(column: str) -> pl.Expr:
    """How far a value is from that of the row before, in rows sorted by account; null for an account's first."""
    is_same = pl.col("account_id") == pl.col("account_id").shift(1)
    return pl.when(is_same).then(pl.col(column).diff())


@dataclass(frozen=True)
class Crossing:
    """What crosses accounts as of a time: read once, and the same for every part of the accounts.

    Attributes:
        as_of: the time.
        seen: as in `History`, of all accounts that are to be read.
        sharing: as in `History`; None where it is counted of the keys of each part.
        segments, accounts, release: as in `History`.
        parts: into how many parts the accounts have to be split, so that each is of bounded size.
    """

    as_of: datetime
    seen: pl.DataFrame
    sharing: pl.DataFrame | None
    segments: pl.DataFrame
    accounts: pl.DataFrame
    release: pl.DataFrame
    parts: int

    def part(self, number: int, parts: int) -> pl.DataFrame:
        """`seen` of the accounts of one of so many parts; of neighbours in their order."""
        begin, end = (len(self.seen) * i // parts for i in (number, number + 1))
        return self.seen[begin:end]


def read_histories(sums: LakeSums, as_of: datetime, some: pl.Series | None = None) -> Iterator[History]:
    """Read the history of all accounts as of a time, in parts of bounded size; what crosses accounts is read once.

    With `some` (account ids) only theirs is read; what crosses accounts is still that of all.
    """
    everyone = sums.seen(as_of)
    seen = everyone if some is None else everyone.filter(pl.col("account_id").is_in(some.implode()))
    if seen.is_empty():
        return
    crossing = read_crossing(sums, as_of, seen, are_all=some is None)
    for number in range(crossing.parts):
        part = crossing.part(number, crossing.parts)
        if len(part):
            yield read_history(sums, crossing, Chosen(part["account_id"], are_neighbours=some is None))


def read_crossing(sums: LakeSums, as_of: datetime, seen: pl.DataFrame, *, are_all: bool = True) -> Crossing:
    """Read what crosses accounts, for the history of all of them or of those of `seen`."""
    accounts = sums.lake.accounts(as_of)
    return Crossing(
        as_of=as_of,
        seen=seen,
        sharing=count_sharing(sums.lake.key_rollups(as_of), accounts, as_of) if are_all else None,
        segments=weigh_segments(sums.usual_keys(as_of), accounts),
        accounts=accounts,
        release=find_latest_release(sums.lake, as_of),
        parts=1 + _count_key_rows(sums, as_of, None if are_all else seen) // _PART_ROWS,
    )


def _count_key_rows(sums: LakeSums, as_of: datetime, some: pl.DataFrame | None) -> int:
    """How many key counts are read: of all accounts, or of some at most."""
    if some is None:
        rows: int = sums.lake.key_rollups(as_of).select(pl.len()).collect(engine="streaming").item()
        return rows
    theirs = sums.usage(as_of).filter(pl.col("account_id").is_in(some["account_id"].implode()))
    requests: int = theirs.select(pl.col("requests").sum()).collect(engine="streaming").item()
    return requests * len(KEY_KINDS)


def read_history(sums: LakeSums, crossing: Crossing, chosen: Chosen) -> History:
    """Read the history of some of the accounts of `Crossing.seen`."""
    as_of, seen = crossing.as_of, crossing.seen
    hours = sums.hours(as_of, chosen).sort("account_id", "hour").collect(engine="streaming")
    keys, hourly = sums.own_keys(as_of, chosen)
    sharing = _count_sharing_of(keys, sums, crossing) if crossing.sharing is None else crossing.sharing
    return History(
        as_of=as_of,
        seen=seen.filter(pl.col("account_id").is_in(chosen.ids.implode())),
        hours=hours,
        keys=keys,
        sharing=sharing,
        segments=crossing.segments,
        accounts=crossing.accounts,
        release=crossing.release,
        adopted=count_adoption(hourly, crossing.release).collect(engine="streaming"),
        at_once=count_at_once(hourly),
        blocked=count_around_blocks(hours, hourly),
    )


def _count_sharing_of(keys: pl.DataFrame, sums: LakeSums, crossing: Crossing) -> pl.DataFrame:
    """`History.sharing` of the keys that some accounts show, or of more."""
    theirs = keys.filter(pl.col("kind").is_in(codes_of(SHARED_KINDS)))["key"].unique()
    shown = sums.shown_keys(crossing.as_of, theirs).collect(engine="streaming")
    several = shown.filter(pl.col("key").is_duplicated())  # a key of one row is one account's, as most are
    return count_sharing(several.lazy(), crossing.accounts, crossing.as_of)


def read_histories_beside(lake: Lake, added: Lake, as_of: datetime, groups: pl.DataFrame) -> Iterator[History]:
    """Read the history of another lake's accounts, as if one group of them at a time were in this lake.

    `groups` (`account_id`, `group`) says which accounts of `added` come together. What crosses accounts is counted
    over all accounts of `lake` and the group's own, never over two groups: their number must not show.
    """
    accounts, seen = lake.accounts(as_of), added.seen(as_of)
    newcomers, hours = added.accounts(as_of), added.account_rollups(as_of).collect(engine="streaming")
    keys = date_keys(added.key_rollups(as_of), as_of).collect(engine="streaming")
    shown = lake.key_rollups(as_of).join(keys.lazy().select("kind", "key").unique(), on=["kind", "key"], how="semi")
    lake_counts = count_keys(shown, accounts, as_of).collect(engine="streaming")
    release = find_latest_release(lake, as_of)
    adopted = count_adoption(added.key_rollups(as_of), release).collect(engine="streaming")
    at_once = count_at_once(added.key_rollups(as_of))
    blocked = count_around_blocks(hours, added.key_rollups(as_of))
    usual = weigh_segments(count_usual(lake.key_rollups(as_of)), accounts)
    for (_,), group in groups.sort("group", "account_id").group_by("group", maintain_order=True):
        ids = group.select("account_id")
        own, registered = keys.join(ids, on="account_id"), newcomers.join(ids, on="account_id")
        counted = pl.concat([lake_counts, count_keys(own.lazy(), registered, as_of).collect()])
        sums = counted.join(own.select("kind", "key").unique(), on=["kind", "key"], how="semi")
        sharing = sums.group_by("kind", "key").agg(pl.col(KEY_SUMS).sum())
        yield History(
            as_of=as_of,
            seen=seen.join(ids, on="account_id"),
            hours=hours.join(ids, on="account_id").sort("account_id", "hour"),
            keys=own,
            sharing=sharing.filter(pl.col("accounts") > 1),
            segments=pl.concat([usual, weigh_segments(count_usual(own.lazy()), registered)])
            .group_by(SEGMENT)
            .agg(pl.col("weight").sum()),
            accounts=pl.concat([accounts, registered]),
            release=release,
            adopted=adopted.join(ids, on="account_id"),
            at_once=at_once.join(ids, on="account_id"),
            blocked=blocked.join(ids, on="account_id"),
        )
