"""The command `campaigns`: the contract's table, lasting ids, and nothing in it that became known later."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.memberships import MEMBERS_SCHEMA, ensure_campaigns
from pipelines.workspace import Workspace

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def filled(filled_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the shared workspace, since asking for campaigns writes into the lake."""
    return shutil.copytree(filled_workspace, tmp_path / "filled")


@pytest.fixture
def asked(stillwatch: Run, as_of: datetime, tmp_path: Path) -> Callable[..., pl.DataFrame]:
    def ask(workspace: Path, when: datetime = as_of, table: Path | None = None) -> pl.DataFrame:
        out, more = tmp_path / "out.parquet", ("--table", table) if table else ()
        said = stillwatch("campaigns", "--as-of", when.isoformat(), "--out", out, "--workspace", workspace, *more)
        assert said.returncode == 0, said.stderr
        return pl.read_parquet(out)

    return ask


def test_the_table_has_the_columns_and_types_of_the_contract(filled: Path, asked: Callable[..., pl.DataFrame]) -> None:
    members = asked(filled)
    assert members.schema == MEMBERS_SCHEMA
    assert members["membership"].is_between(0, 1, closed="right").all()
    assert members.select("campaign_id", "account_id").is_unique().all()
    assert (members.group_by("campaign_id").len()["len"] >= 2).all()


def test_most_members_are_of_true_campaigns(filled: Path, asked: Callable[..., pl.DataFrame], made_world: Path) -> None:
    truth = pl.read_parquet(made_world / "truth.parquet").unique("account_id").select("account_id", "label")
    found = asked(filled).select("account_id").unique().join(truth, on="account_id")
    assert found["label"].sum() > 30
    assert found["label"].mean() > 0.8


def test_requests_after_the_time_change_no_campaign_and_no_id(
    filled: Path, blind_workspace: Path, asked: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    blind = shutil.copytree(blind_workspace, tmp_path / "blind")
    assert_frame_equal(asked(filled), asked(blind), check_exact=True)


def test_asking_again_gives_the_same_and_writes_nothing(filled: Path, asked: Callable[..., pl.DataFrame]) -> None:
    first = asked(filled)
    stored = Workspace(filled).lake.scan("campaigns").collect()
    assert_frame_equal(asked(filled), first, check_exact=True)
    assert_frame_equal(Workspace(filled).lake.scan("campaigns").collect(), stored, check_exact=True)


def test_an_earlier_time_does_not_see_what_a_later_one_stored(
    filled: Path, filled_workspace: Path, as_of: datetime, asked: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    early = as_of - timedelta(days=2)
    asked(filled, as_of)
    fresh = shutil.copytree(filled_workspace, tmp_path / "fresh")
    assert_frame_equal(asked(filled, early), asked(fresh, early), check_exact=True)


def test_a_day_later_a_campaign_has_the_same_id(
    filled: Path, as_of: datetime, asked: Callable[..., pl.DataFrame]
) -> None:
    before, after = asked(filled, as_of - timedelta(days=2)), asked(filled, as_of - timedelta(days=1))
    common = before.join(after, on="account_id")
    assert len(common) > 30
    assert (common["campaign_id"] == common["campaign_id_right"]).mean() > 0.8
    lineage = Workspace(filled).lake.scan("campaign_lineage").collect()
    assert "continues" in lineage["relation"].to_list()


def test_score_and_campaigns_tell_the_same_members(
    filled: Path, as_of: datetime, asked: Callable[..., pl.DataFrame]
) -> None:
    quiet = ensure_campaigns(Workspace(filled), as_of, lambda _step, _done: None)
    assert_frame_equal(asked(filled), quiet, check_exact=True)


def test_the_table_of_campaigns_describes_each(
    filled: Path, asked: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    table = tmp_path / "tables" / "campaigns.parquet"
    members = asked(filled, table=table)
    told = pl.read_parquet(table)
    assert told["campaign_id"].sort().to_list() == members["campaign_id"].unique().sort().to_list()
    sizes = dict(members.group_by("campaign_id").len().iter_rows())
    assert all(sizes[name] == accounts for name, accounts in told.select("campaign_id", "accounts").iter_rows())
    assert told["mean_risk"].is_between(0, 1).all() and told["mean_risk"].null_count() == 0
    assert (told["first_seen"] <= told["last_seen"]).all()
    assert (told["requests"] > 0).all() and (told["kinds"].list.len() > 0).all()


def test_a_folder_as_a_file_is_a_bad_call(filled: Path, as_of: datetime, stillwatch: Run, tmp_path: Path) -> None:
    said = stillwatch("campaigns", "--as-of", as_of.isoformat(), "--out", tmp_path, "--workspace", filled)
    assert said.returncode == 2
    assert f"{tmp_path} is a folder: give --out the name of a file." in said.stderr


def test_a_time_before_the_first_request_is_a_bad_call(
    filled: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("campaigns", "--as-of", (as_of - timedelta(days=400)).isoformat(), "--out", tmp_path / "o.parquet")
    said = stillwatch(*call, "--workspace", filled)
    assert said.returncode == 2
    assert "no request at or before 2025-03-13T13:37:21Z" in said.stderr
    assert not (tmp_path / "o.parquet").exists()


def test_a_word_for_a_time_is_a_bad_call(stillwatch: Run, tmp_path: Path) -> None:
    said = stillwatch("campaigns", "--as-of", "yesterday", "--out", tmp_path / "o.parquet")
    assert said.returncode == 2
    assert "'yesterday' is no ISO 8601 time" in said.stderr
