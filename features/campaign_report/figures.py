"""What the members of a campaign did over their whole life, counted from the lake's rollups.

All dates and volumes cover one span: from the first request of any member that the lake holds to the time asked about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from features.identity import key_pseudonym
from features.lake import WHOLE_LIFE, Lake, full_hour
from features.schemas import KEY_KINDS
from features.text import CAPABILITIES, LANGUAGES

LEAST_GROUP = 5
"""Accounts that a row of a table meant for sharing stands for at least: a figure of fewer may point at a person. It is
also the size of the smallest campaign that is grouped. Doubled, reports of small campaigns would say little."""

OTHERS = "shown by fewer than 5 accounts each"
NO_CAPABILITY, NO_LANGUAGE = "none of these", "unknown"
_MOVED = {"1d": timedelta(days=1), "7d": timedelta(days=7)}  # after a release

ModelNames = Mapping[int, str]
"""Names of models by their stored key, as far as source tables tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """A campaign in figures. Hours are the begin of the hour, UTC; `tokens` are input and output tokens together.

    Attributes:
        campaign_id: its lasting id.
        as_of: the time asked about; nothing later is counted.
        first_seen, last_seen: hours of the first and last request of any member.
        requests, input_tokens, output_tokens: of all members, from first_seen to as_of.
        members: one row a member: `account_id`, `first_seen`, `last_seen`, `requests`, `tokens`, `plan`, `registered`
            (the day); sorted by id.
        daily: one row for each day of the span: `day`, `accounts`, `requests`, `input_tokens`, `output_tokens`.
        models, capabilities, languages: `name`, `accounts` (null for the sum of `OTHERS`), `requests`, most used first.
        pivots: one row for each model that was released within the span: `model`, `released_at`, `first_used`,
            `accounts` that have used it, `accounts_1d` and `accounts_7d` that did within a day and a week of the
            release, and its `share_7d` of their requests in that week; counts below `LEAST_GROUP` are null.
    """

    campaign_id: str
    as_of: datetime
    first_seen: datetime
    last_seen: datetime
    requests: int
    input_tokens: int
    output_tokens: int
    members: pl.DataFrame
    daily: pl.DataFrame
    models: pl.DataFrame
    capabilities: pl.DataFrame
    languages: pl.DataFrame
    pivots: pl.DataFrame

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


def count_campaign(
    lake: Lake, campaign_id: str, accounts: pl.Series, as_of: datetime, model_names: ModelNames
) -> CampaignFigures:
    """Count what accounts did.

    Args:
        lake: whose rollups are added.
        campaign_id: the name of the group.
        accounts: ids of its members, each with a request at or before as_of.
        as_of: aware of its time zone; nothing after it is counted.
        model_names: names of models by key.
    """
    named = pl.LazyFrame({"account_id": accounts})
    hours = lake.account_rollups(as_of, WHOLE_LIFE).join(named, on="account_id", how="semi")
    keys = lake.key_rollups(as_of, WHOLE_LIFE).join(named, on="account_id", how="semi")
    tokens, hour = pl.col("input_tokens", "output_tokens"), pl.col("hour")
    sums = hours.select(
        pl.col("requests").sum(), tokens.sum(), first_seen=hour.min(), last_seen=hour.max()
    )  # fmt: skip
    totals, members, days = pl.collect_all([sums, _count_members(hours), _count_days(hours)], engine="streaming")
    first: datetime = totals["first_seen"][0]
    releases = lake.releases(as_of).filter(pl.col("released_at") >= first)
    return CampaignFigures(
        campaign_id=campaign_id,
        as_of=as_of,
        **totals.row(0, named=True),
        members=members.join(_registrations(lake, as_of), on="account_id", how="left").sort("account_id"),
        daily=_all_days(days, first, as_of),
        models=_count_names(keys, "model", model_names),
        capabilities=_count_names(keys, "capability", _named(CAPABILITIES, NO_CAPABILITY)),
        languages=_count_names(keys, "language", _named(LANGUAGES, NO_LANGUAGE)),
        pivots=_count_pivots(releases, keys, hours, model_names),
    )


def _count_members(hours: pl.LazyFrame) -> pl.LazyFrame:
    return hours.group_by("account_id").agg(
        first_seen=pl.col("hour").min(),
        last_seen=pl.col("hour").max(),
        requests=pl.col("requests").sum(),
        tokens=(pl.col("input_tokens") + pl.col("output_tokens")).sum(),
    )


def _registrations(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`account_id`, `plan`, `registered` (the day); of an account without a registration nothing is known."""
    rows = lake.accounts(as_of).unique("account_id", keep="first", maintain_order=True)
    return rows.select("account_id", "plan", registered=pl.col("created_at").dt.date())


def _count_days(hours: pl.LazyFrame) -> pl.LazyFrame:
    return hours.group_by(day=pl.col("hour").dt.date()).agg(
        pl.col("account_id").n_unique().cast(pl.Int64).alias("accounts"),
        pl.col("requests", "input_tokens", "output_tokens").sum(),
    )


def _all_days(days: pl.DataFrame, first: datetime, as_of: datetime) -> pl.DataFrame:
    """Every day of the span, also those without a request; a day that only begins at its end is none of them."""
    end = full_hour(as_of) - timedelta(microseconds=1)
    span = pl.date_range(first.date(), end.date(), "1d", eager=True).alias("day").to_frame()
    return span.join(days, on="day", how="left").fill_null(0).sort("day")


def _named(names: tuple[str, ...], none: str) -> dict[int, str]:
    """Names by their code: the position plus one, and 0 for none."""
    return {0: none} | {i + 1: name for i, name in enumerate(names)}


def _of_kind(keys: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    return keys.filter(pl.col("kind") == KEY_KINDS.index(kind))


def _count_names(keys: pl.LazyFrame, kind: str, names: Mapping[int, str]) -> pl.DataFrame:
    """Accounts and requests by the name of a kind of key; those of too few accounts are added up in one row."""
    counted = (
        _of_kind(keys, kind)
        .group_by("key")
        .agg(accounts=pl.col("account_id").n_unique().cast(pl.Int64), requests=pl.col("requests").sum())
        .with_columns(name=_name(names, kind))
        .collect(engine="streaming")
    )
    is_large = pl.col("accounts") >= LEAST_GROUP
    large = counted.filter(is_large).select("name", "accounts", "requests")
    small = counted.filter(~is_large).group_by(name=pl.lit(OTHERS)).agg(pl.col("requests").sum())
    others = small.select("name", pl.lit(None, pl.Int64).alias("accounts"), "requests")
    return pl.concat([large.sort("requests", "name", descending=[True, False]), others])


def _name(names: Mapping[int, str], kind: str, column: str = "key") -> pl.Expr:
    """The name of a key, or its pseudonym."""
    pseudonym = key_pseudonym(pl.lit(kind), pl.col(column))
    return pl.coalesce(pl.col(column).replace_strict(names, default=None, return_dtype=pl.String), pseudonym)


def _count_pivots(
    releases: pl.DataFrame, keys: pl.LazyFrame, hours: pl.LazyFrame, model_names: ModelNames
) -> pl.DataFrame:
    """How soon the members moved to each model that was released while they were active."""
    since, account = pl.col("hour") - pl.col("released_at").dt.truncate("1h"), pl.col("account_id")
    moved = (
        _of_kind(keys, "model")
        .join(releases.lazy().rename({"model": "key"}), on="key")
        .filter(since >= timedelta())
        .group_by("key")
        .agg(
            pl.col("hour").min().alias("first_used"),
            account.n_unique().cast(pl.Int64).alias("accounts"),
            pl.col("requests").filter(since < _MOVED["7d"]).sum().alias("moved"),
            *(
                account.filter(since < time).n_unique().cast(pl.Int64).alias(f"accounts_{x}")
                for x, time in _MOVED.items()
            ),
        )
        .collect(engine="streaming")
    )
    asked = [
        hours.select(pl.col("requests").filter(pl.col("hour").is_between(*_week(begin), closed="left")).sum())
        for begin in releases["released_at"]
    ]
    totals = releases.with_columns(asked=pl.Series([frame.item() for frame in pl.collect_all(asked)], dtype=pl.Int64))
    joined = totals.join(moved, left_on="model", right_on="key", how="left").sort("released_at", "model")
    counts = ("accounts", *(f"accounts_{label}" for label in _MOVED))
    return joined.select(
        _name(model_names, "model", "model").alias("model"),
        "released_at",
        pl.when(pl.col("accounts") >= LEAST_GROUP).then("first_used").alias("first_used"),
        *(pl.when(pl.col(name) >= LEAST_GROUP).then(name).alias(name) for name in counts),
        share_7d=pl.when(pl.col("accounts_7d") >= LEAST_GROUP).then(pl.col("moved") / pl.col("asked")),
    )


def _week(release: datetime) -> tuple[datetime, datetime]:
    """The week from the hour of a release on."""
    return full_hour(release), full_hour(release) + _MOVED["7d"]
