"""Who is a landmark, and how accounts that send otherwise rank among them."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from features.families import landmarks
from features.families.landmarks import draw_landmarks, find_candidates, landmark_keys, profile, rank_manners
from features.rollups import roll_up, roll_up_keys


def read_landmarks(rollups: pl.LazyFrame, accounts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    return draw_landmarks(find_candidates(rollups), accounts, as_of)


def test_landmarks_are_drawn_among_accounts_with_enough_topics_whatever_else_is_there(
    world: Any, as_of: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollups = roll_up(world.events.lazy())
    everyone = read_landmarks(rollups, world.accounts, as_of)
    topics = world.events.group_by("account_id").agg(n=(pl.col("words") > 0).sum()).filter(pl.col("n") >= 10)
    assert everyone["account_id"].to_list() == sorted(topics["account_id"])
    assert everyone["is_reference"].all()
    monkeypatch.setattr(landmarks, "MOST", 20)
    some = read_landmarks(rollups, world.accounts, as_of)
    assert len(some) == 20
    assert some.equals(everyone.join(some.select("account_id"), on="account_id", how="semi"))
    halves = [rollups.filter(pl.col("account_id").str.ends_with("3") == odd) for odd in (True, False)]
    assert draw_landmarks(pl.concat(map(find_candidates, halves)), world.accounts, as_of).equals(some)
    without = some["account_id"][0]
    fewer = read_landmarks(rollups.filter(pl.col("account_id") != without), world.accounts, as_of)
    assert len(set(fewer["account_id"]) & set(some["account_id"])) == 19


def test_young_accounts_are_no_reference_where_there_are_enough_old_ones(
    world: Any, as_of: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks, "LEAST_OLD", 20)
    drawn = read_landmarks(roll_up(world.events.lazy()), world.accounts, as_of)
    aged = drawn.join(world.accounts, on="account_id").with_columns(age=as_of - pl.col("created_at"))
    assert aged.filter("is_reference")["age"].min() >= timedelta(days=28)
    assert aged.filter(~pl.col("is_reference"))["age"].max() < timedelta(days=28)
    assert 0 < drawn["is_reference"].sum() < len(drawn)


def test_only_the_landmarks_topics_and_capabilities_are_added_up(world: Any) -> None:
    some = pl.DataFrame({"account_id": ["acct-0001", "acct-0007"]})
    keys = landmark_keys(roll_up_keys(world.events.lazy()), some)
    theirs = world.events.filter(pl.col("account_id").is_in(some["account_id"].implode()))
    assert keys["requests"].sum() == theirs["cell"].count() + theirs["capability"].count()


def test_the_rank_is_the_share_of_landmarks_below_and_half_of_those_alike(events_of: Any) -> None:
    rows = [{"account_id": f"a{i}", "output_tokens": tokens} for i, tokens in enumerate((10, 100, 100, 1_000))]
    own = profile(roll_up(events_of(rows).lazy())).sort("account_id").collect()
    ranks = rank_manners(own, own)
    assert ranks[:, 2].tolist() == [12, 50, 50, 87]
    assert ranks[:, 0].tolist() == [50] * 4
