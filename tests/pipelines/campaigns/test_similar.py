"""Similar: the accounts of a campaign's operator come first, by the command and in the contract's table."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from pipelines.campaigns.similar import SIMILAR_SCHEMA, find_similar
from pipelines.workspace import Workspace


def quietly(_step: str, _done: float) -> None:
    """Report no progress."""


@pytest.fixture(scope="module")
def workspace(filled_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(shutil.copytree(filled_workspace, tmp_path_factory.mktemp("similar") / "workspace"))


@pytest.fixture(scope="module")
def members(scores: pl.DataFrame) -> pl.DataFrame:
    """The accounts of the largest campaign."""
    sizes = scores.drop_nulls("campaign_id").group_by("campaign_id").len().sort("len", "campaign_id")
    return scores.filter(pl.col("campaign_id") == sizes["campaign_id"][-1]).sort("account_id")


def test_the_rest_of_a_campaign_comes_first_with_reasons(
    workspace: Workspace, members: pl.DataFrame, as_of: datetime, tmp_path: Path
) -> None:
    asked = members["account_id"].head(3).to_list()
    ranked = find_similar(workspace, asked, as_of, tmp_path / "similar.parquet", quietly)
    assert ranked.schema == SIMILAR_SCHEMA
    assert pl.read_parquet(tmp_path / "similar.parquet").equals(ranked)
    assert ranked["probability"].is_between(0, 1).all() and ranked["probability"].is_sorted(descending=True)
    assert not ranked["account_id"].is_in(asked).any() and ranked["account_id"].is_unique().all()
    rest = members["account_id"].slice(3)
    assert ranked.head(len(rest))["account_id"].is_in(rest.implode()).mean() > 0.7
    reasons = ranked["reasons"].to_list()[0]
    assert reasons and all("alike in" in text or "shares" in text for text in reasons)


def test_the_order_and_repeats_of_the_accounts_asked_about_change_nothing(
    workspace: Workspace, members: pl.DataFrame, as_of: datetime, tmp_path: Path
) -> None:
    asked = members["account_id"].head(3).to_list()
    first, second = (
        find_similar(workspace, accounts, as_of, tmp_path / "similar.parquet", quietly)
        for accounts in (asked, [*asked[::-1], asked[0]])
    )
    assert first.equals(second)


def test_an_unknown_account_is_refused_in_a_sentence_and_nothing_is_written(
    workspace: Workspace, members: pl.DataFrame, as_of: datetime, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="account 'nobody' had sent no request by 2026-"):
        find_similar(workspace, [members["account_id"][0], "nobody"], as_of, tmp_path / "similar.parquet", quietly)
    assert not (tmp_path / "similar.parquet").exists()


def test_the_command_prints_how_many_are_probable(
    workspace: Workspace, members: pl.DataFrame, as_of: datetime, stillwatch: Callable[..., Any], tmp_path: Path
) -> None:
    call = ("similar", *members["account_id"].head(2), "--as-of", as_of.isoformat(), "--out", tmp_path / "s.parquet")
    result = stillwatch(*call, "--workspace", workspace.root)
    assert result.returncode == 0, result.stderr
    assert "more probably of the same operator than not" in result.stdout
    refused = stillwatch("similar", "--as-of", as_of.isoformat(), "--out", tmp_path / "s.parquet")
    assert refused.returncode == 2
