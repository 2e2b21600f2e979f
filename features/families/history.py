"""What is known about accounts as of a time, in the form that the families of features read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from features.lake import Lake, full_hour

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


@dataclass(frozen=True)
class LakeSums:
    """What is added up over all accounts of a lake, whoever is read out; here anew at each call.

    Attributes:
        lake: whose rollups are added.
    """

    lake: Lake

    def usual_keys(self, as_of: datetime) -> pl.LazyFrame:
        """`account_id`, `kind`, `key`, `requests` of the kinds whose distribution over a plan is compared."""
        return count_usual(self.lake.key_rollups(as_of))

    def usage(self, as_of: datetime) -> pl.LazyFrame:
        """`account_id`, `requests`, `output_tokens`, and more or not: rows that add up to each account's."""
        return self.lake.account_rollups(as_of)

    def kinds(self, as_of: datetime) -> pl.Series:
        """The kinds of keys that anybody shows, as positions in `KEY_KINDS`."""
        return self.lake.key_rollups(as_of).select(pl.col("kind").unique()).collect(engine="streaming")["kind"]


@dataclass(frozen=True)
class Crossing:
    """What crosses accounts as of a time: read once, and the same for every part of the accounts.

    Attributes:
        as_of: the time.
        keys: `KeyRollups` of the accounts that are to be read, or of more.
        seen: as in `History`, of all accounts that are to be read.
        sharing: as in `History`; all that the accounts that are to be read show of it is in it.
        segments, accounts, release: as in `History`.
        parts: into how many parts the accounts have to be split, so that each is of bounded size.
    """

    as_of: datetime
    keys: pl.LazyFrame
    seen: pl.DataFrame
    sharing: pl.DataFrame
    segments: pl.DataFrame
    accounts: pl.DataFrame
    release: pl.DataFrame
    parts: int

    def part(self, number: int, parts: int) -> pl.DataFrame:
        """`seen` of the accounts of one of so many parts; of neighbours in their order."""
        begin, end = (len(self.seen) * i // parts for i in (number, number + 1))
        return self.seen[begin:end]


def read_histories(
    lake: Lake, as_of: datetime, some: pl.Series | None = None, sums: LakeSums | None = None
) -> Iterator[History]:
    """Read the history of all accounts as of a time, in parts of bounded size; what crosses accounts is read once.

    With `some` (account ids) only theirs is read; what crosses accounts is still that of all. `sums` are those of the
    lake.
    """
    everyone = lake.seen(as_of)
    seen = everyone if some is None else everyone.filter(pl.col("account_id").is_in(some.implode()))
    if seen.is_empty():
        return
    crossing = read_crossing(lake, as_of, seen, are_all=some is None, sums=sums)
    for number in range(crossing.parts):
        part = crossing.part(number, crossing.parts)
        if len(part):
            yield read_history(lake, crossing, part, are_neighbours=some is None)


def read_crossing(
    lake: Lake, as_of: datetime, seen: pl.DataFrame, *, are_all: bool = True, sums: LakeSums | None = None
) -> Crossing:
    """Read what crosses accounts, for the history of all of them or of those of `seen`.

    `sums` are those of the lake, where somebody keeps them.
    """
    accounts, keys = lake.accounts(as_of), lake.key_rollups(as_of)
    shown = own = keys
    if not are_all:
        own = _held(keys.filter(pl.col("account_id").is_in(seen["account_id"].implode())))
        theirs = own.filter(pl.col("kind").is_in(codes_of(SHARED_KINDS))).select("kind", "key").unique()
        shown = keys.join(theirs, on=["kind", "key"], how="semi")  # what nobody of them shows is looked up by nobody
    return Crossing(
        as_of=as_of,
        keys=own,
        seen=seen,
        sharing=count_sharing(shown, accounts, as_of),
        segments=weigh_segments((sums or LakeSums(lake)).usual_keys(as_of), accounts),
        accounts=accounts,
        release=find_latest_release(lake, as_of),
        parts=1 + own.select(pl.len()).collect(engine="streaming").item() // _PART_ROWS,
    )


def read_history(lake: Lake, crossing: Crossing, part: pl.DataFrame, *, are_neighbours: bool = True) -> History:
    """Read the history of a part of the accounts.

    Args:
        lake: the lake.
        crossing: what crosses accounts.
        part: of `Crossing.seen`; not empty.
        are_neighbours: whether no other account of the lake lies between them.
    """
    as_of = crossing.as_of
    chosen = pl.col("account_id").is_between(pl.lit(part["account_id"][0]), pl.lit(part["account_id"][-1]))
    if not are_neighbours:
        chosen &= pl.col("account_id").is_in(part["account_id"].implode())
    hours = lake.account_rollups(as_of, which=chosen).sort("account_id", "hour").collect(engine="streaming")
    own = crossing.keys.filter(chosen).collect(engine="streaming").lazy()
    return History(
        as_of=as_of,
        seen=part,
        hours=hours,
        keys=date_keys(own, as_of).collect(engine="streaming"),
        sharing=crossing.sharing,
        segments=crossing.segments,
        accounts=crossing.accounts,
        release=crossing.release,
        adopted=count_adoption(own, crossing.release).collect(engine="streaming"),
        at_once=count_at_once(own),
        blocked=count_around_blocks(hours, own),
    )


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


def _held(keys: pl.LazyFrame) -> pl.LazyFrame:
    """The same keys, in memory if they fit into one part, so that they are looked for once."""
    first = keys.head(_PART_ROWS + 1).collect(engine="streaming")
    return keys if len(first) > _PART_ROWS else first.lazy()
