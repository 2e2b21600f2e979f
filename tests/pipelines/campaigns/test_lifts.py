"""Lifts: what the champion makes of groups, the same for the batch, the online store and the report of campaigns."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.groups.evidence import REPORTED_ODDS
from features.lake import HISTORY
from features.store.last_active import WEEK
from pipelines.campaigns.lifts import LIFTS_SCHEMA, judge_groups, lasting_members, lift_accounts
from pipelines.campaigns.memberships import ensure_groups, lasting_groups
from pipelines.campaigns.tables import write_campaigns
from pipelines.models.champion import current_champion
from pipelines.workspace import Workspace


def quietly(_step: str, _done: float) -> None:
    """Report no progress."""


@pytest.fixture(scope="module")
def workspace(
    filled_workspace: Path, move_copy: Callable[[Path, Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    return Workspace(move_copy(filled_workspace, tmp_path_factory.mktemp("lifts") / "workspace"))


def test_the_campaigns_of_the_scores_are_those_that_are_reported(
    workspace: Workspace, scores: pl.DataFrame, tmp_path: Path
) -> None:
    reported = write_campaigns(workspace, scores["as_of"][0], tmp_path / "campaigns.parquet", quietly)
    named = scores.drop_nulls("campaign_id")
    both = named.join(reported, on=["account_id", "campaign_id"])
    assert len(both) > 0.9 * len(named), "hardly anybody of a reported campaign was active of late"
    assert set(both["campaign_id"]) == set(reported["campaign_id"])


def test_a_group_is_reported_by_its_odds_with_the_standing_of_its_members(
    workspace: Workspace, scores: pl.DataFrame
) -> None:
    now = scores["as_of"][0]
    members, model = lasting_groups(workspace, now, quietly), current_champion(workspace)
    assert model is not None
    judged = judge_groups(workspace, model, members, now)
    raised = (judged["odds"] - members["odds"]).to_numpy()
    assert ((raised > 0) & (raised < 13.3)).all()
    groups = judged.unique("group")
    expected = ~groups["is_crowd"] & (groups["odds"] >= REPORTED_ODDS)
    assert groups["is_reported"].to_list() == expected.to_list()
    assert 0 < groups["is_reported"].sum() < len(groups)


def test_without_a_model_nobody_is_lifted_and_groups_are_reported_whatever_their_members_standing(
    workspace: Workspace, scores: pl.DataFrame
) -> None:
    now = scores["as_of"][0]
    lifts = lift_accounts(workspace, None, now, quietly)
    assert lifts.schema == LIFTS_SCHEMA
    assert (lifts["lift"] == 0).all()
    certain = lasting_groups(workspace, now, quietly).filter(~pl.col("is_crowd") & (pl.col("odds") >= -5.5))
    assert set() < set(lifts["campaign_id"].drop_nulls()) <= set(certain["campaign_id"])


def test_members_of_reported_groups_gain_and_members_of_crowds_lose(workspace: Workspace, scores: pl.DataFrame) -> None:
    now = scores["as_of"][0]
    lifts = lift_accounts(workspace, current_champion(workspace), now, quietly)
    assert lifts["account_id"].is_unique().all()
    reported, others = lifts.drop_nulls("campaign_id"), lifts.filter(pl.col("campaign_id").is_null())
    assert np.median(reported["lift"]) > 1 > np.median(others["lift"])
    crowds = lasting_groups(workspace, now, quietly).group_by("account_id").agg(pl.col("is_crowd").all())
    only_crowds = lifts.join(crowds.filter("is_crowd"), on="account_id")
    assert (only_crowds["lift"] < 0).all()


def test_who_has_fallen_silent_stays_a_member_of_the_campaign_of_the_last_active_week(
    workspace: Workspace, scores: pl.DataFrame
) -> None:
    now = scores["as_of"][0] + timedelta(days=25)
    members = lasting_members(workspace, None, now, quietly)
    pairs = members.select("account_id", "campaign_id")
    named = lift_accounts(workspace, None, now, quietly).drop_nulls("campaign_id").select(pairs.columns)
    assert pairs.is_unique().all() and named.join(pairs, on=pairs.columns, how="anti").is_empty()
    silent = members.filter(pl.col("group") != pl.col("campaign_id")).join(workspace.lake.seen(now), on="account_id")
    assert 0 < len(silent) < len(members)
    assert (silent["last_seen"] < now - WEEK).all() and (silent["last_seen"] < now - HISTORY).any()
    weekly = ensure_groups(workspace, now.replace(day=20, month=4, hour=0, minute=0, second=0), quietly)
    assert not silent.join(weekly, on=pairs.columns, how="semi").is_empty()
