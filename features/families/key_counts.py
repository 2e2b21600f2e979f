"""What is counted of the keys that accounts show: of an account, of a key, of a plan, of a release."""

from collections.abc import Iterable
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
HOURLY_KINDS = ("subnet", "country", "model")
"""Kinds of keys of which it counts what was shown in one hour, beside what was shown over the whole window."""
WHOLE = 1 << 20  # the weight of an account in its segment: integers add exactly
SEGMENT = ("segment", "kind", "key")


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


def count_at_once(keys: pl.LazyFrame) -> pl.DataFrame:
    """`History.at_once` of the accounts of `KeyRollups`."""
    subnet, country = (KEY_KINDS.index(kind) for kind in ("subnet", "country"))
    kind = pl.col("kind")
    shown = keys.filter(kind.is_in([subnet, country])).select("account_id", "hour", "kind", "key").unique()
    counted = shown.group_by("account_id", "hour").agg(
        subnets=(kind == subnet).sum().cast(pl.Int64), countries=(kind == country).sum().cast(pl.Int64)
    )
    return counted.filter(pl.col("subnets") > 0).collect(engine="streaming")


def count_around_blocks(hours: pl.DataFrame, keys: pl.LazyFrame) -> pl.DataFrame:
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


def codes_of(kinds: Iterable[str]) -> list[int]:
    """Positions in `KEY_KINDS`."""
    return [KEY_KINDS.index(kind) for kind in kinds]


def count_usual(keys: pl.LazyFrame) -> pl.LazyFrame:
    """Requests per account and key of the kinds whose distribution over a plan is compared; these counts add."""
    return count_requests(keys, USUAL_KINDS)


def count_requests(keys: pl.LazyFrame, kinds: Iterable[str]) -> pl.LazyFrame:
    """Requests per account and key of some kinds, over the whole window."""
    chosen = keys.filter(pl.col("kind").is_in(codes_of(kinds)))
    return chosen.group_by("account_id", "kind", "key").agg(pl.col("requests").sum())


def weigh_segments(keys: pl.LazyFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The keys of each plan, every account having the same weight."""
    plans = accounts.lazy().select("account_id", segment="plan")
    weights = weigh_keys(keys).join(plans, on="account_id", how="left").with_columns(pl.col("segment").fill_null(""))
    return weights.group_by(SEGMENT).agg(pl.col("weight").sum()).collect(engine="streaming")


def date_keys(keys: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Requests per account and key over the whole window and of late, and the first hour."""
    return add_dated(date_rows(keys, as_of))


def date_rows(keys: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Each row of `KeyRollups` as `add_dated` adds it."""
    recent = pl.when(pl.col("hour") >= full_hour(as_of) - RECENT).then("requests").otherwise(0)
    return keys.select("account_id", "kind", "key", "requests", recent=recent, first="hour")


def add_dated(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add rows of `date_rows`, or sums of such rows."""
    return rows.group_by("account_id", "kind", "key").agg(pl.col("requests", "recent").sum(), pl.col("first").min())


def count_sharing(keys: pl.LazyFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The sums of all keys that are shared."""
    return count_keys(keys, accounts, as_of).filter(pl.col("accounts") > 1).collect(engine="streaming")


def count_keys(keys: pl.LazyFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.LazyFrame:
    """`kind`, `key` and `KEY_SUMS` of every key that can be shared."""
    young, born = pl.col("created_at") > as_of - HISTORY, born_hour()
    registered = accounts.lazy().select("account_id", young=young, born=born)
    return (
        count_requests(keys, SHARED_KINDS)
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
