"""Memberships: the score file, the online store and the endpoint name the same campaign for an account."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from features.groups.grouping import Groups
from features.groups.members import group_lake
from pipelines.campaigns.memberships import (
    MEMBERS_SCHEMA,
    ensure_campaigns,
    store_members,
    strongest,
    with_in_campaign,
)
from pipelines.workspace import Workspace


def test_of_two_campaigns_an_account_names_the_one_it_belongs_to_most() -> None:
    members = pl.DataFrame(
        [("one", "a", 0.4, "x"), ("two", "a", 0.6, "y"), ("two", "b", 0.5, "z"), ("one", "b", 0.5, "x")],
        schema=MEMBERS_SCHEMA | {"ties": pl.String()},
        orient="row",
    )
    assert set(strongest(members).iter_rows()) == {("a", "two", "y"), ("b", "one", "x")}


def test_scores_name_the_campaign_that_an_account_belongs_to_most(filled_workspace: Path, scores: pl.DataFrame) -> None:
    members = ensure_campaigns(Workspace(filled_workspace), scores["as_of"][0], lambda _step, _done: None)
    named = scores.drop_nulls("campaign_id").select("account_id", "campaign_id").sort("account_id")
    assert 30 < len(named) < len(scores) / 2
    assert named.equals(strongest(members).drop("ties").sort("account_id"))
    ties = dict(strongest(members).select("account_id", "ties").iter_rows())
    reasons = scores.select(
        "account_id", pl.col("reasons").list.filter(pl.element().str.starts_with("campaign: "))
    ).rows()
    result = {account: texts[0] for account, texts in reasons if texts}
    assert len(result) > 20
    assert all(
        f"shares {ties[account]} with other accounts of its campaign_id" in text for account, text in result.items()
    )


def test_accounts_in_campaigns_have_higher_risks(scores: pl.DataFrame) -> None:
    means = dict(scores.group_by(pl.col("campaign_id").is_null()).agg(pl.col("risk").mean()).iter_rows())
    assert means[False] > 3 * means[True]


def test_the_endpoint_names_the_campaigns_of_the_score_file(
    scores: pl.DataFrame, ask: Callable[[list[str]], dict[str, Any]]
) -> None:
    asked = pl.concat([scores.drop_nulls("campaign_id")[:40], scores.filter(pl.col("campaign_id").is_null())[:40]])
    answer = ask([*asked["account_id"], "nobody"])["scores"]
    assert [score["campaign_id"] for score in answer] == [*asked["campaign_id"], None]


def test_an_example_is_grouped_if_its_account_was_in_a_campaign_at_its_own_time(
    filled_workspace: Path, scores: pl.DataFrame
) -> None:
    workspace, now = Workspace(filled_workspace), scores["as_of"][0]
    times = [now, now - timedelta(days=14)]
    accounts = scores.select("account_id").sample(fraction=1.0, shuffle=True, seed=1)
    asked = pl.concat([accounts.with_columns(as_of=pl.lit(time).cast(pl.Datetime("us", "UTC"))) for time in times])
    marked = with_in_campaign(workspace, asked, lambda _step, _done: None)
    assert marked.drop("in_campaign").equals(asked)
    counts = []
    for time in times:
        members = set(ensure_campaigns(workspace, time, lambda _step, _done: None)["account_id"])
        rows = marked.filter(pl.col("as_of") == time)
        assert set(rows.filter("in_campaign")["account_id"]) == members
        counts.append(len(members))
    assert counts[0] > counts[1], "nothing grew, so the times say little"


def test_campaigns_are_grouped_again_when_a_ban_becomes_known(
    filled_workspace: Path, scores: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.copytree(filled_workspace, tmp_path / "copy")
    workspace, now = Workspace(tmp_path / "copy"), scores["as_of"][0]

    def version() -> int:
        ensure_campaigns(workspace, now, lambda _step, _done: None)
        stored = workspace.lake.scan("campaigns").filter(pl.col("as_of") == now)
        return int(stored.select(pl.col("version").max()).collect().item())

    first = version()
    assert version() == first
    ban = {"account_id": [scores["account_id"][0]], "action": ["ban"], "acted_at": [now - timedelta(days=1)]}
    acted = pl.DataFrame(ban, schema_overrides={"acted_at": pl.Datetime("us", "UTC")})
    workspace.lake.append("enforcement", [acted], 987_654_321)
    assert version() == first + 1


def test_that_there_are_no_campaigns_is_an_answer_too_and_later_ones_are_stored_after_it(
    filled_workspace: Path, scores: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.copytree(filled_workspace, tmp_path / "copy")
    workspace, now = Workspace(tmp_path / "copy"), scores["as_of"][0]
    lake = workspace.lake
    for table in ("campaigns", "campaign_answers", "campaign_lineage"):
        shutil.rmtree(lake.root / table)
    account_links, groups = group_lake(lake, now)
    none = Groups(groups.members.clear(), groups.groups.clear(), groups.keys.clear())
    assert store_members(lake, now, account_links, none).is_empty()
    assert ensure_campaigns(workspace, now, lambda _step, _done: None).is_empty(), (
        "grouped again, though nothing changed"
    )
    rows = {"account_id": [scores["account_id"][0]], "action": ["ban"], "acted_at": [now - timedelta(days=1)]}
    lake.append(
        "enforcement", [pl.DataFrame(rows, schema_overrides={"acted_at": pl.Datetime("us", "UTC")})], 987_654_321
    )
    again = ensure_campaigns(workspace, now, lambda _step, _done: None)
    assert len(again) > 30
    assert lake.scan("campaigns").select(pl.col("version").max()).collect().item() == 1
