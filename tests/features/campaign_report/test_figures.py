"""Figures of a campaign, with plain Polars over the events as the oracle."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.campaign_report.figures import LEAST_GROUP, OTHERS, CampaignFigures, count_campaign
from features.identity import key_pseudonym
from features.lake import HISTORY, Lake

HOUR = pl.col("timestamp").dt.truncate("1h")


@pytest.fixture(scope="module")
def members(world: Any) -> pl.Series:
    """Every other account."""
    return pl.Series("account_id", sorted(set(world.events["account_id"]))[::2])


@pytest.fixture(scope="module")
def sent(world: Any, members: pl.Series, as_of: datetime) -> pl.DataFrame:
    """The members' events up to the time asked about."""
    return world.events.filter((pl.col("timestamp") <= as_of) & pl.col("account_id").is_in(members.implode()))


@pytest.fixture(scope="module")
def figures(world: Any, members: pl.Series, lake_of: Callable[..., Lake], as_of: datetime) -> CampaignFigures:
    return count_campaign(lake_of([world.events], world.accounts), "campaign_1", members, as_of, {})


def test_totals_and_dates_are_those_of_the_events_to_the_unit(
    figures: CampaignFigures, sent: pl.DataFrame, as_of: datetime
) -> None:
    assert sent["timestamp"].min() < as_of - HISTORY, "the span is longer than the longest window"
    assert figures.requests == sent.height
    assert (figures.input_tokens, figures.output_tokens) == (sent["input_tokens"].sum(), sent["output_tokens"].sum())
    assert figures.tokens == sent["input_tokens"].sum() + sent["output_tokens"].sum()
    assert (figures.first_seen, figures.last_seen) == sent.select(a=HOUR.min(), b=HOUR.max()).row(0)


def test_members_and_days_are_those_of_the_events_and_add_up_to_the_totals(
    figures: CampaignFigures, sent: pl.DataFrame
) -> None:
    tokens = pl.col("input_tokens") + pl.col("output_tokens")
    of_members = sent.group_by("account_id").agg(
        first_seen=HOUR.min(), last_seen=HOUR.max(), requests=pl.len().cast(pl.Int64), tokens=tokens.sum()
    )
    assert_frame_equal(figures.members.select(of_members.columns), of_members.sort("account_id"))
    of_days = sent.group_by("day").agg(
        pl.col("account_id").n_unique().cast(pl.Int64).alias("accounts"),
        pl.len().cast(pl.Int64).alias("requests"),
        pl.col("input_tokens", "output_tokens").sum(),
    )
    assert_frame_equal(figures.daily.filter(pl.col("requests") > 0), of_days.sort("day"))
    assert figures.daily["requests"].sum() == figures.requests
    assert (figures.daily["day"].diff().drop_nulls() == timedelta(days=1)).all()


def test_a_day_that_begins_at_the_time_asked_about_is_no_day_of_the_span(
    lake_of: Callable[..., Lake], events_of: Callable[..., pl.DataFrame], as_of: datetime
) -> None:
    midnight = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    lake = lake_of([events_of([{"account_id": "a", "timestamp": midnight - timedelta(days=2, hours=1)}])])
    for moment, days in ((midnight, 3), (midnight + timedelta(hours=1), 4)):
        assert count_campaign(lake, "c", pl.Series(["a"]), moment, {}).daily.height == days


def test_models_and_targets_add_up_and_no_row_stands_for_fewer_than_five_accounts(
    figures: CampaignFigures, sent: pl.DataFrame
) -> None:
    for table, column in (
        (figures.models, "model"),
        (figures.capabilities, "capability"),
        (figures.languages, "language"),
    ):
        shown = sent.drop_nulls(column)
        assert table["requests"].sum() == shown.height
        counts = shown.group_by(column).agg(
            accounts=pl.col("account_id").n_unique().cast(pl.Int64), requests=pl.len().cast(pl.Int64)
        )
        large = counts.filter(pl.col("accounts") >= LEAST_GROUP).sort("requests", descending=True)
        rows = table.filter(pl.col("name") != OTHERS)
        assert sorted(rows.select("accounts", "requests").rows()) == sorted(large.select("accounts", "requests").rows())
        assert table.filter(pl.col("name") == OTHERS)["accounts"].null_count() == table.height - rows.height


def test_models_are_named_where_names_are_known_and_by_pseudonym_elsewhere(
    world: Any, members: pl.Series, lake_of: Callable[..., Lake], as_of: datetime, figures: CampaignFigures
) -> None:
    lake = lake_of([world.events], world.accounts)
    key = lake.releases(as_of)["model"][0]
    named = count_campaign(lake, "campaign_1", members, as_of, {key: "the new one"})
    pseudonym = pl.select(key_pseudonym(pl.lit("model"), pl.lit(key))).item()
    assert pseudonym in [*figures.models["name"], *figures.pivots["model"]]
    assert pseudonym not in [*named.models["name"], *named.pivots["model"]]
    assert "the new one" in [*named.models["name"], *named.pivots["model"]]


def test_a_move_to_a_new_model_is_counted_from_the_hour_of_its_release(
    lake_of: Callable[..., Lake], events_of: Callable[..., pl.DataFrame], as_of: datetime
) -> None:
    lake = lake_of([events_of([{}])])
    old, new = lake.releases(as_of).sort("released_at")["model"].to_list()[-2:]
    release = lake.releases(as_of).filter(pl.col("model") == new)["released_at"].item()
    accounts = [f"user{i}" for i in range(LEAST_GROUP + 1)]
    first = [{"account_id": name, "timestamp": release - timedelta(days=3), "model": old} for name in accounts]
    soon = [{"account_id": name, "timestamp": release + timedelta(hours=2), "model": new} for name in accounts[1:]]
    still = [{"account_id": name, "timestamp": release + timedelta(hours=3), "model": old} for name in accounts]
    late = [{"account_id": accounts[0], "timestamp": release + timedelta(days=2), "model": new}]
    lake = lake_of([events_of([*first, *soon, *still, *late])])
    (row,) = count_campaign(lake, "c", pl.Series(accounts), as_of, {new: "new"}).pivots.to_dicts()
    assert (row["model"], row["released_at"]) == ("new", release)
    assert row["first_used"] == (release + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    assert (row["accounts"], row["accounts_1d"], row["accounts_7d"]) == (6, 5, 6)
    assert row["share_7d"] == pytest.approx(6 / 12)
    few = count_campaign(lake, "c", pl.Series(accounts[:3]), as_of, {}).pivots
    assert few.select("first_used", "accounts", "share_7d").row(0) == (None, None, None)
