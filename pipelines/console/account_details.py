"""What pages tell of each account: its traffic over its whole life, and what it asked for, from where."""

from datetime import datetime, timedelta

import polars as pl

from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS

SHOWN_KINDS = tuple("model capability channel address client asn".split())
"""Kinds of keys that pages tell of an account; nothing of a text is among them."""

_MOST_KEYS = 6  # of a kind, the most used first
_RECENT = timedelta(days=7)


def whole_life(lake: Lake, as_of: datetime) -> pl.LazyFrame:
    """The rollups of all full hours up to a time, also those older than any window."""
    return lake.scan_named("account_rollups", as_of).filter(pl.col("hour") < full_hour(as_of))


def describe_traffic(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Tell of each account `requests`, `recent_requests` (of seven days), `tokens`, and `traffic` (a struct).

    Traffic holds parallel lists, `days` (since 1970) with `day_requests` and `day_tokens`, and `hours` of the week
    (0 is Monday, 0:00 UTC) with `hour_requests`; and sums.
    """
    hours = whole_life(lake, as_of).with_columns(tokens=pl.col("input_tokens") + pl.col("output_tokens"))
    sums = ("succeeded", "throttled", "refused", "filtered", "with_tools", "input_tokens", "output_tokens")
    is_recent = pl.col("hour") >= as_of - _RECENT
    totals = hours.group_by("account_id").agg(
        pl.col("requests", "tokens", *sums, "reasoning_tokens").sum(),
        recent_requests=pl.col("requests").filter(is_recent).sum(),
    )
    day = (pl.col("hour").dt.date() - pl.lit(datetime(1970, 1, 1)).dt.date()).dt.total_days().alias("day")
    days = hours.group_by("account_id", day).agg(pl.col("requests", "tokens").sum()).sort("account_id", "day")
    by_day = days.group_by("account_id").agg(days="day", day_requests="requests", day_tokens="tokens")
    weekday, hour = (pl.col("hour").dt.weekday().cast(pl.Int64), pl.col("hour").dt.hour().cast(pl.Int64))
    slot = ((weekday - 1) * 24 + hour).alias("slot")
    slots = hours.group_by("account_id", slot).agg(pl.col("requests").sum()).sort("account_id", "slot")
    by_slot = slots.group_by("account_id").agg(hours="slot", hour_requests="requests")
    frame = totals.join(by_day, on="account_id").join(by_slot, on="account_id").collect(engine="streaming")
    lists = ("days", "day_requests", "day_tokens", "hours", "hour_requests")
    return frame.select(
        "account_id",
        "requests",
        "recent_requests",
        pl.col("tokens").cast(pl.Float64),
        traffic=pl.struct(*lists, *sums, "reasoning_tokens"),
    )


def describe_keys(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Tell of each account `shown`: for each of `SHOWN_KINDS` the keys used most, how often, and how many there are."""
    codes = {KEY_KINDS.index(kind): kind for kind in SHOWN_KINDS}
    rows = lake.scan_named("key_rollups", as_of).filter(pl.col("hour") < full_hour(as_of))
    rows = rows.filter(pl.col("kind").is_in(list(codes)))
    used = rows.group_by("account_id", "kind", "key").agg(pl.col("requests").sum()).collect(engine="streaming")
    best_first = used.sort("account_id", "kind", "requests", "key", descending=[False, False, True, False])
    by_kind = best_first.group_by("account_id", "kind", maintain_order=True).agg(
        keys=pl.col("key").head(_MOST_KEYS), counts=pl.col("requests").head(_MOST_KEYS), distinct=pl.len()
    )
    named = by_kind.with_columns(pl.col("kind").replace_strict(codes, return_dtype=pl.String))
    return named.group_by("account_id", maintain_order=True).agg(shown=pl.struct("kind", "keys", "counts", "distinct"))
