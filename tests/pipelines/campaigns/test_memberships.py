"""Groups: stored once, with lasting ids; the score file, the online store and the endpoint name the same campaign."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from features.groups.evidence import GROUP_SCHEMA
from features.groups.grouping import Groups
from features.groups.members import group_lake
from features.store.last_active import active_times
from pipelines.campaigns.memberships import ensure_groups, lasting_groups, store_members, with_groups
from pipelines.workspace import Workspace


def quietly(_step: str, _done: float) -> None:
    """Report no progress."""


def test_scores_name_a_campaign_that_the_account_is_or_was_in_and_say_why(
    filled_workspace: Path, scores: pl.DataFrame
) -> None:
    members = lasting_groups(Workspace(filled_workspace), scores["as_of"][0], quietly)
    named = scores.drop_nulls("campaign_id")
    assert 30 < len(named) < len(scores) / 2
    joined = named.join(members.filter("is_lifted"), on=["account_id", "campaign_id"])
    assert len(joined) == len(named)
    for ties, reasons in joined.select("ties", "reasons").iter_rows():
        assert reasons[0].startswith(f"campaign: shares {ties} with other accounts of its campaign")


def test_who_has_fallen_silent_stays_in_the_group_of_the_last_active_week(
    filled_workspace: Path, scores: pl.DataFrame, tmp_path: Path
) -> None:
    workspace, now = Workspace(shutil.copytree(filled_workspace, tmp_path / "copy")), scores["as_of"][0]
    later = now + timedelta(days=60)
    seen = workspace.lake.seen(later)
    silent = active_times(seen, later)
    everybody = lasting_groups(workspace, later, quietly)
    lifted = everybody.filter("is_lifted").join(silent, on="account_id")
    assert lifted["active_at"].n_unique() > 1
    for (time,), rows in lifted.group_by("active_at"):
        then = ensure_groups(workspace, time, quietly)
        assert set(rows["account_id"]) == set(then["account_id"]) & set(
            silent.filter(pl.col("active_at") == time)["account_id"]
        )
    assert everybody.group_by("group").agg(pl.len())["len"].min() >= 5, "a silent member's group is there as a whole"


def test_accounts_in_campaigns_have_higher_risks(scores: pl.DataFrame) -> None:
    means = dict(scores.group_by(pl.col("campaign_id").is_null()).agg(pl.col("risk").mean()).iter_rows())
    assert means[False] > 3 * means[True]


def test_the_endpoint_names_the_campaigns_of_the_score_file(
    scores: pl.DataFrame, ask: Callable[[list[str]], dict[str, Any]]
) -> None:
    asked = pl.concat([scores.drop_nulls("campaign_id")[:40], scores.filter(pl.col("campaign_id").is_null())[:40]])
    answer = ask([*asked["account_id"], "nobody"])["scores"]
    assert [score["campaign_id"] for score in answer] == [*asked["campaign_id"], None]


def test_an_example_is_grouped_if_its_account_was_in_a_group_at_its_own_time(
    filled_workspace: Path, scores: pl.DataFrame
) -> None:
    workspace, now = Workspace(filled_workspace), scores["as_of"][0]
    times = [now, now - timedelta(days=14)]
    accounts = scores.select("account_id").sample(fraction=1.0, shuffle=True, seed=1)
    asked = pl.concat([accounts.with_columns(as_of=pl.lit(time).cast(pl.Datetime("us", "UTC"))) for time in times])
    marked = with_groups(workspace, asked, quietly)
    assert marked.drop(GROUP_SCHEMA.names()).equals(asked)
    counts = []
    for time in times:
        members = set(lasting_groups(workspace, time, quietly).filter("is_lifted")["account_id"])
        rows = marked.filter(pl.col("as_of") == time)
        assert set(rows.drop_nulls("group")["account_id"]) == members
        counts.append(len(members))
    assert counts[0] > counts[1], "nothing grew, so the times say little"


def test_campaigns_are_grouped_again_when_a_ban_becomes_known(
    filled_workspace: Path, scores: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.copytree(filled_workspace, tmp_path / "copy")
    workspace, now = Workspace(tmp_path / "copy"), scores["as_of"][0]

    def version() -> int:
        ensure_groups(workspace, now, quietly)
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
    weighed = group_lake(lake, now)
    empty = Groups(weighed.groups.members.clear(), weighed.groups.groups.clear(), weighed.groups.keys.clear())
    assert store_members(lake, now, replace(weighed, groups=empty)).is_empty()
    assert ensure_groups(workspace, now, quietly).is_empty(), "grouped again, though nothing changed"
    rows = {"account_id": [scores["account_id"][0]], "action": ["ban"], "acted_at": [now - timedelta(days=1)]}
    lake.append(
        "enforcement", [pl.DataFrame(rows, schema_overrides={"acted_at": pl.Datetime("us", "UTC")})], 987_654_321
    )
    again = ensure_groups(workspace, now, quietly)
    assert len(again) > 30
    assert lake.scan("campaigns").select(pl.col("version").max()).collect().item() == 1
