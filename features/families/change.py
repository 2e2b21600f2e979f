"""Change: the last three days against the account's own history before. Null for accounts without an earlier day."""

from datetime import timedelta

import polars as pl

from features.families.fixed_point import share, shrink
from features.families.history import History
from features.families.key_counts import RECENT
from features.lake import full_hour
from features.schemas import KEY_KINDS
from features.text import FLAGS

_WEIGHT = 5  # requests as before that the last days are given: a few requests are no break
_LOG_UNIT = 64  # of AccountRollups.output_log
_NEW = ("prefix", "subnet", "client")
_HOURS_A_DAY = 24
_VANISHING = {"with_address": "address_gone_28d", "with_agent": "agent_gone_28d"}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    return (
        _vanished(history).join(_since(history), on="account_id").join(_new_keys(history), on="account_id", how="left")
    )


def _since(history: History) -> pl.DataFrame:
    """Volume, lengths and texts of the last days against those before."""
    cut = full_hour(history.as_of) - RECENT
    late = pl.col("hour") >= cut
    columns = ("requests", "output_log", "first_turns", "with_text", *FLAGS)
    sums = history.hours.group_by("account_id").agg(
        *[pl.col(name).filter(late).sum().alias(f"late_{name}") for name in columns],
        *[pl.col(name).filter(~late).sum() for name in columns],
        days=(pl.lit(cut) - pl.col("hour").min()).dt.total_hours() / _HOURS_A_DAY,
    )
    rate = pl.col("requests") / pl.max_horizontal("days", 1)
    late_rate = pl.col("late_requests") / (RECENT / timedelta(days=1))
    was_active = pl.col("requests") > 0
    return sums.select(
        "account_id",
        volume_change_28d=pl.when(was_active).then(((late_rate + 1) / (rate + 1)).log(2)),
        answer_change_28d=_risen("output_log", "requests") / _LOG_UNIT,
        first_turn_change_28d=_risen("first_turns", "requests"),
        asked_change_28d=pl.max_horizontal(_risen(flag, "with_text") for flag in FLAGS),
    )


def _risen(part: str, whole: str) -> pl.Expr:
    """The mean of the last days, shrunk to that before, less that before."""
    before = share(pl.col(part), pl.col(whole))
    return shrink(pl.col(f"late_{part}"), pl.col(f"late_{whole}"), before, _WEIGHT) - before


def _new_keys(history: History) -> pl.DataFrame:
    """Requests of the last days whose key the account had not shown before, where it had shown others."""
    cut = full_hour(history.as_of) - RECENT
    recent, is_new = pl.col("recent"), pl.col("first") >= cut
    shares = (
        history.of_kind(*_NEW)
        .group_by("account_id", "kind")
        .agg(new=share(recent.filter(is_new).sum(), recent.sum()), had_others=(~is_new).any())
        .filter("had_others")
    )
    by_kind = [
        pl.col("new").filter(pl.col("kind") == KEY_KINDS.index(kind)).first().alias(f"new_{kind}_28d") for kind in _NEW
    ]
    return shares.group_by("account_id").agg(by_kind)


def _vanished(history: History) -> pl.DataFrame:
    """Requests after the last hour that had an address, or an agent; null for accounts that never had any."""
    requests = pl.col("requests")
    gone = []
    for column, name in _VANISHING.items():
        last = pl.col("hour").filter(pl.col(column) > 0).max()
        since = share(requests.filter(pl.col("hour") > last).sum(), requests.sum())
        gone.append(pl.when(last.is_not_null()).then(since).alias(name))
    return history.hours.group_by("account_id").agg(gone)
