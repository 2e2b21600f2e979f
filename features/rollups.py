"""Rollups: what one account did in one hour, in a form that adds.

`merge(roll_up(a), roll_up(b)) == roll_up(a + b)` for any split and order of the events: every column is a sum of
integers, or, for `minutes`, a bitwise or. No floating point is added, so the equality is exact.
"""

from collections.abc import Iterator

import polars as pl

from features.schemas import KEY_KINDS, SLOTS, TOPIC_SIZE, AccountRollups
from features.text import FLAGS

_BY = ("account_id", "hour")
_KEY_BY = ("kind", "key", "account_id", "hour")
_LISTS = {"slots": SLOTS, "topic": TOPIC_SIZE}
_PLAIN = [name for name in AccountRollups.column_names() if name not in {*_BY, *_LISTS, "minutes"}]


def _log(tokens: str) -> pl.Expr:
    """log2(1 + tokens) in 1/64: an integer, so that sums do not depend on their order."""
    return ((pl.col(tokens) + 1).log(2) * 64).round().cast(pl.Int64)


def _count(condition: pl.Expr) -> pl.Expr:
    return condition.sum().cast(pl.Int64)


def _sums() -> dict[str, pl.Expr]:
    """How each plain column of `AccountRollups` comes from events."""
    status, flags = pl.col("status_code"), pl.col("flags")
    has = {name: pl.col(name).is_not_null() for name in ("max_tokens", "words", "system", "address", "agent")}
    sums = {
        "requests": pl.len().cast(pl.Int64),
        "succeeded": _count(status.is_between(200, 299)),
        "throttled": _count(status == 429),
        "refused": _count(status.is_in([401, 403, 451])),
        "input_log": pl.col("input_log").sum(),
        "input_log_squared": (pl.col("input_log") ** 2).sum(),
        "output_log": pl.col("output_log").sum(),
        "output_log_squared": (pl.col("output_log") ** 2).sum(),
        "filtered": _count(pl.col("finish_reason") == "content_filter"),
        "capped": _count(has["max_tokens"]),
        "cold": _count(pl.col("temperature") <= 0.05),
        "streamed": _count(pl.col("stream")),
        "with_tools": _count(pl.col("tool_count") > 0),
        "first_turns": _count(pl.col("message_count") <= 2),
        "with_text": _count(has["words"]),
        "with_topic": _count(pl.col("words") > 0),
        "with_system": _count(has["system"]),
        "with_address": _count(has["address"]),
        "with_agent": _count(has["agent"]),
        **{name: _count((flags & (1 << bit)) > 0) for bit, name in enumerate(FLAGS)},
    }
    totals = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "words")
    return sums | {name: pl.col(name).sum() for name in totals}


def _slot_columns(name: str) -> list[str]:
    return [f"{name}_{i}" for i in range(_LISTS[name])]


def _packed(name: str) -> pl.Expr:
    # by way of an array: building a list column directly is thirty times slower
    return pl.concat_arr(_slot_columns(name)).arr.to_list().alias(name)


def roll_up(events: pl.LazyFrame) -> pl.LazyFrame:
    """Events (`Events`) to `AccountRollups`, one row per account and hour."""
    minute = pl.col("timestamp").dt.minute().cast(pl.Int64)
    sums = _sums()
    return (
        events.with_columns(
            hour=pl.col("timestamp").dt.truncate("1h"),
            minute_bit=pl.lit(2, pl.Int64).pow(minute),
            slot=minute // (60 // SLOTS),
            input_log=_log("input_tokens"),
            output_log=_log("output_tokens"),
        )
        .group_by(_BY)
        .agg(
            pl.col("minute_bit").bitwise_or().alias("minutes"),
            *[_count(pl.col("slot") == i).alias(c) for i, c in enumerate(_slot_columns("slots"))],
            *[
                pl.col("topic").list.get(i, null_on_oob=True).cast(pl.Int64).sum().alias(c)
                for i, c in enumerate(_slot_columns("topic"))
            ],
            *[sums[name].alias(name) for name in _PLAIN],
        )
        .with_columns(_packed("slots"), _packed("topic"))
        .select(AccountRollups.column_names())
    )


def merge(*rollups: pl.LazyFrame) -> pl.LazyFrame:
    """Add `AccountRollups`: again one row per account and hour.

    Most rows are the only one of their account and hour, and stay as they are: adding lists takes most of the time.
    """
    rows = pl.concat(rollups).with_columns(alone=pl.len().over(_BY) == 1)
    unpacked = [
        pl.col(name).list.get(i).alias(column) for name in _LISTS for i, column in enumerate(_slot_columns(name))
    ]
    lists = [column for name in _LISTS for column in _slot_columns(name)]
    added = (
        rows.filter(~pl.col("alone"))
        .with_columns(unpacked)
        .group_by(_BY)
        .agg(pl.col("minutes").bitwise_or(), pl.col(*_PLAIN, *lists).sum())
        .with_columns(_packed("slots"), _packed("topic"))
    )
    names = AccountRollups.column_names()
    return pl.concat([rows.filter("alone").select(names), added.select(names)])


def roll_up_keys(events: pl.LazyFrame) -> pl.LazyFrame:
    """Events (`Events`) to `KeyRollups`: one row per kind, key, account and hour; absent keys are left out.

    Most accounts send little, so many events are the only one of their account and hour: their rows are the rollup as
    they are, and only the others are grouped. The columns needed are read here, not when the result is collected.
    """
    hour = pl.col("timestamp").dt.truncate("1h").alias("hour")
    shown = events.select("account_id", hour, *KEY_KINDS).with_columns(alone=pl.len().over(_BY) == 1)
    collected = shown.collect(engine="streaming")
    parts = (collected.filter("alone"), collected.filter(~pl.col("alone")))
    single, several = (list(_by_kind(part.lazy())) for part in parts)
    grouped = [kind.group_by(_KEY_BY).agg(requests=pl.len().cast(pl.Int64)) for kind in several]
    return pl.concat([*(kind.with_columns(requests=pl.lit(1, pl.Int64)) for kind in single), *grouped])


def _by_kind(events: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """`kind`, `key`, `account_id`, `hour` of the events that show a key of each kind."""
    for code, kind in enumerate(KEY_KINDS):
        key = pl.col(kind).alias("key")
        yield events.select(pl.lit(code, pl.Int8).alias("kind"), key, *_BY).drop_nulls("key")


ROLL_UPS = {"account_rollups": roll_up, "key_rollups": roll_up_keys}
"""What rolls events up for each table of rollups."""
