"""The command `campaigns`: the contract's table, lasting ids, and nothing in it that became known later."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.groups.link_kinds import LINK_KINDS
from pipelines.campaigns.memberships import MEMBERS_SCHEMA, ensure_groups
from pipelines.workspace import Workspace

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def filled(filled_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the shared workspace, since asking for campaigns writes into the lake."""
    return shutil.copytree(filled_workspace, tmp_path / "filled")


@pytest.fixture
def run_campaigns(stillwatch: Run, as_of: datetime, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    def ask(workspace: Path, time: datetime = as_of, **files: Path) -> pl.DataFrame:
        out, options = tmp_path / "out.parquet", [part for name, file in files.items() for part in (f"--{name}", file)]
        result = stillwatch("campaigns", "--as-of", time.isoformat(), "--out", out, "--workspace", workspace, *options)
        assert result.returncode == 0, result.stderr
        return pl.read_parquet(out)

    return ask


@dataclass(frozen=True)
class Written:
    """What one call of the command wrote."""

    members: pl.DataFrame
    table: pl.DataFrame
    evidence: pl.DataFrame


@pytest.fixture(scope="module")
def written(
    filled_workspace: Path, command: list[str], key: str, as_of: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Written:
    """The files of one call, for the tests that only read them."""
    folder = tmp_path_factory.mktemp("written")
    root = shutil.copytree(filled_workspace, folder / "workspace")
    out, table, evidence = (folder / "tables" / f"{name}.parquet" for name in ("out", "table", "evidence"))
    call = ["campaigns", "--as-of", as_of.isoformat(), "--out", out, "--table", table, "--evidence", evidence]
    done = subprocess.run(
        [*command, *map(str, call), "--workspace", str(root)],
        env=os.environ | {"STILLWATCH_KEY": key}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Written(*map(pl.read_parquet, (out, table, evidence)))


def test_the_table_has_the_columns_and_types_of_the_contract(written: Written) -> None:
    members = written.members
    assert members.schema == MEMBERS_SCHEMA
    assert members["membership"].is_between(0, 1, closed="right").all()
    assert members.select("campaign_id", "account_id").is_unique().all()
    assert (members.group_by("campaign_id").len()["len"] >= 2).all()


def test_most_members_are_of_true_campaigns(written: Written, made_world: Path) -> None:
    truth = pl.read_parquet(made_world / "truth.parquet").unique("account_id").select("account_id", "label")
    labelled = written.members.select("account_id").unique().join(truth, on="account_id")
    assert labelled["label"].sum() > 30
    assert labelled["label"].mean() > 0.8


def test_requests_after_the_time_change_no_campaign_and_no_id(
    filled: Path, blind_workspace: Path, run_campaigns: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    blind = shutil.copytree(blind_workspace, tmp_path / "blind")
    assert_frame_equal(run_campaigns(filled), run_campaigns(blind), check_exact=True)


def test_asking_again_gives_the_same_and_writes_nothing(
    filled: Path, run_campaigns: Callable[..., pl.DataFrame]
) -> None:
    first = run_campaigns(filled)
    stored = Workspace(filled).lake.scan("campaigns").collect()
    assert_frame_equal(run_campaigns(filled), first, check_exact=True)
    assert_frame_equal(Workspace(filled).lake.scan("campaigns").collect(), stored, check_exact=True)


def test_an_earlier_time_does_not_see_what_a_later_one_stored(
    filled: Path, filled_workspace: Path, as_of: datetime, run_campaigns: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    early = as_of - timedelta(days=2)
    run_campaigns(filled, as_of)
    fresh = shutil.copytree(filled_workspace, tmp_path / "fresh")
    assert_frame_equal(run_campaigns(filled, early), run_campaigns(fresh, early), check_exact=True)


def test_a_day_later_a_campaign_has_the_same_id(
    filled: Path, as_of: datetime, run_campaigns: Callable[..., pl.DataFrame]
) -> None:
    before, after = run_campaigns(filled, as_of - timedelta(days=2)), run_campaigns(filled, as_of - timedelta(days=1))
    common = before.join(after, on="account_id")
    assert len(common) > 30
    assert (common["campaign_id"] == common["campaign_id_right"]).mean() > 0.8
    lineage = Workspace(filled).lake.scan("campaign_lineage").collect()
    assert "continues" in lineage["relation"].to_list()


def test_score_and_campaigns_tell_the_same_members(filled: Path, as_of: datetime, written: Written) -> None:
    quiet = ensure_groups(Workspace(filled), as_of, lambda _step, _done: None)
    members = written.members
    stored = quiet.select(members.columns).join(members, on="campaign_id", how="semi")
    assert_frame_equal(members, stored.sort("campaign_id", "account_id"), check_exact=True)


def test_the_table_of_campaigns_describes_each(written: Written) -> None:
    members, campaigns = written.members, written.table
    assert campaigns["campaign_id"].sort().to_list() == members["campaign_id"].unique().sort().to_list()
    sizes = dict(members.group_by("campaign_id").len().iter_rows())
    assert all(sizes[name] == accounts for name, accounts in campaigns.select("campaign_id", "accounts").iter_rows())
    assert (campaigns["first_seen"] <= campaigns["last_seen"]).all()
    assert (campaigns["requests"] > 0).all() and (campaigns["kinds"].list.len() > 0).all()


def test_dates_and_volumes_of_a_campaign_are_of_one_span_and_agree_with_the_events(
    written: Written, filled_workspace: Path, as_of: datetime
) -> None:
    events = Workspace(filled_workspace).lake.scan("events").filter(pl.col("timestamp") <= as_of).collect()
    hour, tokens = pl.col("timestamp").dt.truncate("1h"), pl.col("input_tokens") + pl.col("output_tokens")
    counted = (
        events.join(written.members, on="account_id")
        .group_by("campaign_id")
        .agg(first_seen=hour.min(), last_seen=hour.max(), requests=pl.len().cast(pl.Int64), tokens=tokens.sum())
        .sort("campaign_id")
    )
    assert_frame_equal(written.table.select(counted.columns).sort("campaign_id"), counted)


def test_the_mean_risk_of_a_campaign_is_that_of_the_scores(written: Written, scores: pl.DataFrame) -> None:
    means = written.members.join(scores, on="account_id").group_by("campaign_id").agg(mean_risk=pl.col("risk").mean())
    assert_frame_equal(written.table.select(means.columns), means, check_row_order=False)


def test_templates_are_told_by_pseudonym_and_by_how_many_members_show_them(written: Written) -> None:
    templates = written.table.select("campaign_id", "accounts", template="templates").explode("template")
    distinct_templates = templates.select("campaign_id", size="accounts", part="template").unnest("part")
    assert distinct_templates["name"].str.contains(r"^[a-z]+-[0-9a-f]{12}$").all()
    assert set(distinct_templates["kind"]) <= {kind.words for kind in LINK_KINDS if kind.evidence == "template"}
    assert distinct_templates.select(pl.col("accounts").is_between(1, "size").all()).item()


def test_what_ties_a_member_is_told_without_keys_and_without_other_accounts(written: Written) -> None:
    members, ties = written.members, written.evidence
    names = {"campaign_id": pl.String, "account_id": pl.String, "kind": pl.String, "keys": pl.Int64}
    assert ties.schema == names | {"others": pl.Int64, "weight": pl.Float64}
    assert ties.select("campaign_id", "account_id", "kind").is_unique().all()
    own = members.select("campaign_id", "account_id")
    assert_frame_equal(ties.select(own.columns).unique().sort(own.columns), own.sort(own.columns))
    assert set(ties["kind"]) <= {kind.name for kind in LINK_KINDS}
    sizes = ties.join(members.group_by("campaign_id").len(), on="campaign_id")
    assert sizes.select(pl.col("others").is_between(1, pl.col("len") - 1).all()).item()
    assert (ties["weight"] > 0).all()
    heaviest = ties.group_by("account_id", "campaign_id", maintain_order=True).agg(pl.col("weight"))
    assert heaviest["weight"].list.eval(pl.element().diff() > 0).list.sum().sum() == 0


def test_a_member_is_told_its_heaviest_kinds_and_their_counts_in_words(
    filled: Path, as_of: datetime, written: Written
) -> None:
    words = {kind.name: kind.words for kind in LINK_KINDS}
    expected: dict[tuple[str, str], list[str]] = {}
    for campaign, account, kind, keys, others in written.evidence.drop("weight").rows():
        counts = f"{keys} key{'s' * (keys > 1)}, up to {others} account{'s' * (others > 1)}"
        expected.setdefault((campaign, account), []).append(f"{words[kind]} ({counts})")
    everybody = ensure_groups(Workspace(filled), as_of, lambda _step, _done: None)
    members = everybody.filter(pl.col("campaign_id").is_in([campaign for campaign, _ in expected]))
    ties = {(row["campaign_id"], row["account_id"]): row["ties"] for row in members.to_dicts()}
    assert ties == {member: ", ".join(texts[:3]) for member, texts in expected.items()}


def test_what_became_of_a_campaign_after_a_ban_is_told_as_far_as_it_was_known(
    filled: Path, as_of: datetime, run_campaigns: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    lake, early = Workspace(filled).lake, as_of - timedelta(days=6)
    ban = as_of - timedelta(days=5, minutes=30)
    members = run_campaigns(filled, table=tmp_path / "before.parquet")
    first = members["campaign_id"][0]
    chosen = members.filter(pl.col("campaign_id") == first)["account_id"]
    rows = pl.DataFrame({"account_id": chosen.head(2), "action": "ban", "acted_at": [ban, ban + timedelta(days=9)]})
    lake.append("enforcement", [rows.with_columns(pl.col("acted_at").cast(pl.Datetime("us", "UTC")))], 4711)
    run_campaigns(filled, table=tmp_path / "after.parquet")
    run_campaigns(filled, early, table=tmp_path / "early.parquet")
    before, after, past = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("before", "after", "early"))
    bans_by_then = (
        lake.scan("enforcement").filter((pl.col("action") == "ban") & (pl.col("acted_at") <= as_of)).collect()
    )
    for row in after.iter_rows(named=True):
        own = members.filter(pl.col("campaign_id") == row["campaign_id"]).select("account_id")
        bans = bans_by_then.join(own, on="account_id")
        assert row["banned"] == bans["account_id"].n_unique()
        if not len(bans):
            assert (row["successors"], row["volume_kept"]) == (0, None)
            continue
        begin = bans["acted_at"].min()
        asked_for = lake.scan("events").filter(pl.col("timestamp") <= as_of).collect().join(own, on="account_id")
        came = asked_for.group_by("account_id").agg(pl.col("timestamp").min().dt.truncate("1h"))["timestamp"] > begin
        assert row["successors"] == came.sum()
        hour, days = begin.replace(minute=0, second=0, microsecond=0), timedelta(days=3)
        count = {s: asked_for.filter(pl.col("timestamp").is_between(hour + s - days, hour + s, closed="left")).height
                 for s in (timedelta(), days)}  # fmt: skip
        if begin + days <= as_of and count[timedelta()]:
            assert row["volume_kept"] == pytest.approx(count[days] / count[timedelta()])
        else:
            assert row["volume_kept"] is None
    of_first = [frame.filter(pl.col("campaign_id") == first)["banned"].sum() for frame in (before, after)]
    assert of_first[1] == of_first[0] + 1
    assert past["banned"].sum() <= bans_by_then.filter(pl.col("acted_at") <= early)["account_id"].n_unique()


def test_a_folder_as_a_file_is_a_bad_call(filled: Path, as_of: datetime, stillwatch: Run, tmp_path: Path) -> None:
    result = stillwatch("campaigns", "--as-of", as_of.isoformat(), "--out", tmp_path, "--workspace", filled)
    assert result.returncode == 2
    assert f"{tmp_path} is a folder: give --out the name of a file." in result.stderr


def test_a_time_before_the_first_request_is_a_bad_call(
    filled: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("campaigns", "--as-of", (as_of - timedelta(days=400)).isoformat(), "--out", tmp_path / "o.parquet")
    result = stillwatch(*call, "--workspace", filled)
    assert result.returncode == 2
    assert "no request at or before 2025-03-13T13:37:21Z" in result.stderr
    assert not (tmp_path / "o.parquet").exists()


def test_a_word_for_a_time_is_a_bad_call(stillwatch: Run, tmp_path: Path) -> None:
    result = stillwatch("campaigns", "--as-of", "yesterday", "--out", tmp_path / "o.parquet")
    assert result.returncode == 2
    assert "'yesterday' is not an ISO 8601 time" in result.stderr
