"""What is known about accounts as of a time, in the form that the families of features read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from features.catalogue import SHARED_KINDS, USUAL_KINDS
from features.lake import HISTORY, Lake, full_hour
from features.schemas import KEY_KINDS

KEY_SUMS = ("accounts", "young", "requests", "requests_squared", "dated", "born", "born_squared")
"""What is added up over the accounts that show a key: how many they are, how many of them were registered within 28
days, their requests with the key and the squares of these, and, over those whose registration is known (`dated`), the
hours from 1970 to registration and the squares of these. All integers, so groups of accounts add.
"""
RECENT = timedelta(days=3)
PIVOTS = {"1d": timedelta(days=1), "3d": timedelta(days=3)}
"""How long after a release it is looked at who has moved to the new model; the first has to have passed."""
WHOLE = 1 << 20  # the weight of an account in its segment: integers add exactly
_SEGMENT = ("segment", "kind", "key")
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
        return self.keys.filter(pl.col("kind").is_in(_codes(kinds)))


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


def read_histories(
    lake: Lake, as_of: datetime, some: pl.Series | None = None, sums: LakeSums | None = None
) -> Iterator[History]:
    """Read the history of all accounts as of a time, in parts of bounded size; what crosses accounts is read once.

    With `some` (account ids) only theirs is read; what crosses accounts is still that of all. `sums` are those of the
    lake.
    """
    everyone, accounts = lake.seen(as_of), lake.accounts(as_of)
    seen = everyone if some is None else everyone.filter(pl.col("account_id").is_in(some.implode()))
    if seen.is_empty():
        return
    keys = lake.key_rollups(as_of)
    shown = own = keys
    if some is not None:
        own = _held(keys.filter(pl.col("account_id").is_in(seen["account_id"].implode())))
        theirs = own.filter(pl.col("kind").is_in(_codes(SHARED_KINDS))).select("kind", "key").unique()
        shown = keys.join(theirs, on=["kind", "key"], how="semi")  # what nobody of them shows is looked up by nobody
    sharing = _sharing(shown, accounts, as_of)
    segments = _segments((sums or LakeSums(lake)).usual_keys(as_of), accounts)
    release = find_latest_release(lake, as_of)
    parts = 1 + own.select(pl.len()).collect(engine="streaming").item() // _PART_ROWS
    size = -(-len(seen) // parts) or 1
    for begin in range(0, len(seen), size):
        part = seen[begin : begin + size]
        first, last = pl.lit(part["account_id"][0]), pl.lit(part["account_id"][-1])
        chosen = pl.col("account_id").is_between(first, last)
        if some is not None:
            chosen &= pl.col("account_id").is_in(part["account_id"].implode())
        hours = lake.account_rollups(as_of, which=chosen).sort("account_id", "hour").collect(engine="streaming")
        theirs = own.filter(chosen).collect(engine="streaming").lazy()
        yield History(
            as_of=as_of,
            seen=part,
            hours=hours,
            keys=_dated(theirs, as_of).collect(engine="streaming"),
            sharing=sharing,
            segments=segments,
            accounts=accounts,
            release=release,
            adopted=count_adoption(theirs, release).collect(engine="streaming"),
            at_once=_at_once(theirs),
            blocked=_around_blocks(hours, theirs),
        )


def read_histories_beside(lake: Lake, added: Lake, as_of: datetime, groups: pl.DataFrame) -> Iterator[History]:
    """Read the history of another lake's accounts, as if one group of them at a time were in this lake.

    `groups` (`account_id`, `group`) says which accounts of `added` come together. What crosses accounts is counted
    over all accounts of `lake` and the group's own, never over two groups: their number must not show.
    """
    accounts, seen = lake.accounts(as_of), added.seen(as_of)
    newcomers, hours = added.accounts(as_of), added.account_rollups(as_of).collect(engine="streaming")
    keys = _dated(added.key_rollups(as_of), as_of).collect(engine="streaming")
    lake_counts = _counts(lake.key_rollups(as_of).join(keys.lazy().select("kind", "key").unique(), on=["kind", "key"],
                                                 how="semi"), accounts, as_of).collect(engine="streaming")  # fmt: skip
    release = find_latest_release(lake, as_of)
    adopted = count_adoption(added.key_rollups(as_of), release).collect(engine="streaming")
    at_once = _at_once(added.key_rollups(as_of))
    blocked = _around_blocks(hours, added.key_rollups(as_of))
    usual = _segments(count_usual(lake.key_rollups(as_of)), accounts)
    for (_,), group in groups.sort("group", "account_id").group_by("group", maintain_order=True):
        ids = group.select("account_id")
        own, registered = keys.join(ids, on="account_id"), newcomers.join(ids, on="account_id")
        counted = pl.concat([lake_counts, _counts(own.lazy(), registered, as_of).collect()])
        sums = counted.join(own.select("kind", "key").unique(), on=["kind", "key"], how="semi")
        sharing = sums.group_by("kind", "key").agg(pl.col(KEY_SUMS).sum())
        yield History(
            as_of=as_of,
            seen=seen.join(ids, on="account_id"),
            hours=hours.join(ids, on="account_id").sort("account_id", "hour"),
            keys=own,
            sharing=sharing.filter(pl.col("accounts") > 1),
            segments=pl.concat([usual, _segments(count_usual(own.lazy()), registered)])
            .group_by(_SEGMENT)
            .agg(pl.col("weight").sum()),
            accounts=pl.concat([accounts, registered]),
            release=release,
            adopted=adopted.join(ids, on="account_id"),
            at_once=at_once.join(ids, on="account_id"),
            blocked=blocked.join(ids, on="account_id"),
        )


def find_latest_release(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`History.release` as known at as_of."""
    hour, since = full_hour(as_of), pl.col("since")
    released = lake.releases(as_of).select("model", since=pl.col("released_at").dt.truncate("1h"))
    return released.filter(since.is_between(hour - HISTORY, hour - PIVOTS["1d"])).filter(since == since.max())


def count_adoption(keys: pl.LazyFrame, release: pl.DataFrame) -> pl.LazyFrame:
    """`History.adopted` of the accounts of `KeyRollups`, for a `History.release`."""
    requests, passed = pl.col("requests"), pl.col("hour") - pl.col("since")
    new = keys.filter(pl.col("kind") == KEY_KINDS.index("model")).join(release.lazy(), left_on="key", right_on="model")
    return (
        new.filter(passed >= timedelta())
        .group_by("account_id")
        .agg(
            requests.sum().alias("adopted"),
            *[requests.filter(passed < time).sum().alias(f"adopted_{label}") for label, time in PIVOTS.items()],
            first=pl.col("hour").min(),
        )
    )


def _at_once(keys: pl.LazyFrame) -> pl.DataFrame:
    """`History.at_once` of the accounts of `KeyRollups`."""
    subnet, country = (KEY_KINDS.index(kind) for kind in ("subnet", "country"))
    kind = pl.col("kind")
    shown = keys.filter(kind.is_in([subnet, country])).select("account_id", "hour", "kind", "key").unique()
    counted = shown.group_by("account_id", "hour").agg(
        subnets=(kind == subnet).sum().cast(pl.Int64), countries=(kind == country).sum().cast(pl.Int64)
    )
    return counted.filter(pl.col("subnets") > 0).collect(engine="streaming")


def _around_blocks(hours: pl.DataFrame, keys: pl.LazyFrame) -> pl.DataFrame:
    """`History.blocked` of the accounts of `hours`."""
    hour, requests = pl.col("hour"), pl.col("requests")
    blocks = hours.filter(pl.col("refused") > 0).group_by("account_id").agg(block=hour.min())
    models = keys.filter(pl.col("kind") == KEY_KINDS.index("model")).join(blocks.lazy(), on="account_id")
    return (
        models.group_by("account_id", "key")
        .agg(
            before=requests.filter(hour < pl.col("block")).sum(),
            after=requests.filter(hour > pl.col("block")).sum(),
        )
        .collect(engine="streaming")
    )


def weigh_keys(keys: pl.LazyFrame) -> pl.LazyFrame:
    """Key counts with `weight`: their share of the account's requests with that kind of key, in parts of `WHOLE`."""
    total = pl.col("requests").sum().over("account_id", "kind")
    return keys.with_columns(weight=(pl.col("requests") * WHOLE / total).round().cast(pl.Int64))


def _held(keys: pl.LazyFrame) -> pl.LazyFrame:
    """The same keys, in memory if they fit into one part, so that they are looked for once."""
    first = keys.head(_PART_ROWS + 1).collect(engine="streaming")
    return keys if len(first) > _PART_ROWS else first.lazy()


def _codes(kinds: Iterable[str]) -> list[int]:
    return [KEY_KINDS.index(kind) for kind in kinds]


def count_usual(keys: pl.LazyFrame) -> pl.LazyFrame:
    """Requests per account and key of the kinds whose distribution over a plan is compared; these counts add."""
    return _counted(keys, USUAL_KINDS)


def _counted(keys: pl.LazyFrame, kinds: Iterable[str]) -> pl.LazyFrame:
    """Requests per account and key of some kinds, over the whole window."""
    chosen = keys.filter(pl.col("kind").is_in(_codes(kinds)))
    return chosen.group_by("account_id", "kind", "key").agg(pl.col("requests").sum())


def _segments(keys: pl.LazyFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The keys of each plan, every account having the same weight."""
    plans = accounts.lazy().select("account_id", segment="plan")
    weights = weigh_keys(keys).join(plans, on="account_id", how="left").with_columns(pl.col("segment").fill_null(""))
    return weights.group_by(_SEGMENT).agg(pl.col("weight").sum()).collect(engine="streaming")


def _dated(keys: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Requests per account and key over the whole window and of late, and the first hour."""
    recent = pl.when(pl.col("hour") >= full_hour(as_of) - RECENT).then("requests").otherwise(0)
    return keys.group_by("account_id", "kind", "key").agg(
        pl.col("requests").sum(), recent=recent.sum(), first=pl.col("hour").min()
    )


def _sharing(keys: pl.LazyFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The sums of all keys that are shared."""
    return _counts(keys, accounts, as_of).filter(pl.col("accounts") > 1).collect(engine="streaming")


def _counts(keys: pl.LazyFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.LazyFrame:
    """`kind`, `key` and `KEY_SUMS` of every key that can be shared."""
    young, born = pl.col("created_at") > as_of - HISTORY, born_hour()
    registered = accounts.lazy().select("account_id", young=young, born=born)
    return (
        _counted(keys, SHARED_KINDS)
        .join(registered, on="account_id", how="left")
        .group_by("kind", "key")
        .agg(
            pl.len().cast(pl.Int64).alias("accounts"),
            pl.col("young").sum().cast(pl.Int64),
            pl.col("requests").sum(),
            (pl.col("requests") ** 2).sum().alias("requests_squared"),
            pl.col("born").count().cast(pl.Int64).alias("dated"),
            pl.col("born").sum(),
            (pl.col("born") ** 2).sum().alias("born_squared"),
        )
    )


def born_hour() -> pl.Expr:
    """Full hours from 1970 to an account's registration."""
    return pl.col("created_at").dt.timestamp("ms") // 3_600_000
