"""Scoring: the contract's table, and nothing in it that became known later."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from training.models.model import load

Run = Callable[..., subprocess.CompletedProcess[str]]
SCORES = pl.Schema(
    {
        "account_id": pl.String,
        "as_of": pl.Datetime("us", "UTC"),
        "risk": pl.Float64,
        "campaign_id": pl.String,
        "reasons": pl.List(pl.String),
        "level": pl.String,
        "percentile": pl.Float64,
        "indicators": pl.List(
            pl.Struct(
                {"code": pl.String, "text": pl.String, "value": pl.Float64, "typical": pl.Float64, "impact": pl.Float64}
            )
        ),
    }
)


def seen(world: Path, as_of: datetime) -> list[str]:
    """Accounts with a request that keeps the contract, by plain Polars."""
    requests = pl.read_parquet(world / "requests").filter((pl.col("timestamp") <= as_of) & (pl.col("account_id") != ""))
    return requests["account_id"].unique().sort().to_list()


def test_the_score_table_has_the_columns_and_types_of_the_contract(filled_workspace: Path) -> None:
    assert pl.read_parquet_schema(filled_workspace / "scores.parquet") == SCORES


def test_every_account_seen_so_far_has_one_row(scores: pl.DataFrame, made_world: Path, as_of: datetime) -> None:
    assert scores["account_id"].to_list() == seen(made_world, as_of)
    assert len(scores) > 1_000
    assert scores["as_of"].unique().to_list() == [as_of]


def test_a_risk_is_a_probability_and_reasons_come_with_high_ones_and_with_campaigns_only(scores: pl.DataFrame) -> None:
    assert scores["risk"].null_count() == 0
    assert scores["risk"].is_between(0, 1).all()
    assert scores["risk"].n_unique() > 50
    explained = scores["reasons"].list.len() > 0
    is_member = scores["campaign_id"].is_not_null()
    assert 0 < explained.sum() < len(scores) and explained.filter(is_member).all()
    by_itself = explained & ~is_member
    assert (scores.filter(by_itself)["risk"].min() or 1.0) > scores.filter(~explained)["risk"].max()


def test_levels_follow_the_risk_and_the_models_thresholds(filled_workspace: Path, scores: pl.DataFrame) -> None:
    thresholds = load(filled_workspace / "champion").thresholds
    assert 0 < thresholds["review"] <= thresholds["act"] <= 1
    levels = [
        "act" if risk >= thresholds["act"] else "review" if risk >= thresholds["review"] else "low"
        for risk in scores["risk"]
    ]
    assert scores["level"].to_list() == levels
    assert set(levels) == {"low", "review", "act"}


def test_indicators_say_what_reasons_say_and_members_of_campaigns_have_them_at_any_risk(scores: pl.DataFrame) -> None:
    texts = scores.select(pl.col("indicators").list.eval(pl.element().struct.field("text")))["indicators"]
    assert texts.to_list() == scores["reasons"].to_list()
    has_reasons = pl.col("indicators").list.len() > 0
    expected = (pl.col("level") != "low") | pl.col("campaign_id").is_not_null()
    assert scores.filter(has_reasons != expected).is_empty()
    each = scores.select(pl.col("indicators").explode(empty_as_null=False)).unnest("indicators")
    assert each["code"].null_count() == 0 and each["impact"].is_finite().all()
    assert each.filter(pl.col("value").is_null())["code"].str.starts_with("campaign.").all()
    assert each["typical"].is_not_null().sum() > len(each) / 3


def test_a_percentile_is_about_the_share_of_accounts_with_a_lower_risk(scores: pl.DataFrame) -> None:
    assert scores["percentile"].is_between(0, 100).all()
    ranked = scores.sort("risk").with_columns(share=(pl.col("risk").rank("min") - 1) / pl.len() * 100)
    assert ranked["percentile"].is_sorted()
    assert (ranked["percentile"] - ranked["share"]).abs().max() < 5


def test_other_thresholds_move_levels_and_reasons_and_no_risk(
    filled_workspace: Path, scores: pl.DataFrame, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    low, high = scores["risk"].quantile(0.5), scores["risk"].quantile(0.9)
    call = ("score", "--as-of", as_of.isoformat(), "--out", tmp_path / "s.parquet", "--workspace", filled_workspace)
    done = stillwatch(*call, "--review-threshold", low, STILLWATCH_ACT_THRESHOLD=str(high))
    assert done.returncode == 0, done.stderr
    moved = pl.read_parquet(tmp_path / "s.parquet")
    assert_frame_equal(
        moved.select("account_id", "risk", "percentile"), scores.select("account_id", "risk", "percentile")
    )
    assert (moved["level"] == "act").to_list() == (scores["risk"] >= high).to_list()
    assert (moved["level"] != "low").to_list() == (scores["risk"] >= low).to_list()
    assert moved.filter(pl.col("level") != "low")["reasons"].list.len().min() > 0
    wrong = stillwatch(*call, "--review-threshold", 0.5, "--act-threshold", 0.25)
    assert wrong.returncode == 2
    assert "act threshold 0.25 lies below the review threshold 0.5" in wrong.stderr


def test_accounts_of_campaigns_score_higher(scores: pl.DataFrame, made_world: Path) -> None:
    truth = pl.read_parquet(made_world / "truth.parquet").unique("account_id").select("account_id", "label")
    means = dict(scores.join(truth, on="account_id").group_by("label").agg(pl.col("risk").mean()).iter_rows())
    assert means[True] > 5 * means[False]


def test_requests_after_the_time_change_no_score(
    scores: pl.DataFrame, blind_workspace: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    out = tmp_path / "scores.parquet"
    result = stillwatch("score", "--as-of", as_of.isoformat(), "--out", out, "--workspace", blind_workspace)
    assert result.returncode == 0, result.stderr
    assert_frame_equal(pl.read_parquet(out), scores, check_exact=True)


def test_an_earlier_time_knows_less_and_is_repeatable(
    filled_workspace: Path, blind_workspace: Path, as_of: datetime, made_world: Path, stillwatch: Run, tmp_path: Path
) -> None:
    early = as_of - timedelta(days=4, minutes=11)
    frames = []
    for workspace in (filled_workspace, blind_workspace):
        out = tmp_path / workspace.parent.name / "early.parquet"
        result = stillwatch("score", "--as-of", early.isoformat(), "--out", out, "--workspace", workspace)
        assert result.returncode == 0, result.stderr
        frames.append(pl.read_parquet(out))
    assert_frame_equal(*frames, check_exact=True)
    assert frames[0]["account_id"].to_list() == seen(made_world, early)


def test_scores_go_to_a_new_folder_and_replace_an_older_file(
    filled_workspace: Path, scores: pl.DataFrame, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder" / "scores.parquet"
    out.parent.mkdir(parents=True)
    out.write_text("older")
    result = stillwatch("score", "--as-of", as_of.isoformat(), "--out", out, "--workspace", filled_workspace)
    assert result.returncode == 0, result.stderr
    assert f"{len(scores):,} accounts" in result.stdout
    assert_frame_equal(pl.read_parquet(out), scores, check_exact=True)
    assert [path.name for path in out.parent.iterdir()] == ["scores.parquet"]


def test_a_damaged_copy_of_the_champion_is_fetched_again_and_never_scores(
    blind_workspace: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    copied = shutil.copytree(blind_workspace, tmp_path / "copied")
    booster = copied / "champion" / "booster.txt"
    content = bytearray(booster.read_bytes())
    content[len(content) // 2] ^= 1
    booster.write_bytes(bytes(content))
    result = stillwatch("score", "--as-of", as_of.isoformat(), "--out", tmp_path / "out.parquet", "--workspace", copied)
    assert result.returncode == 0, result.stderr
    assert booster.read_bytes() == (blind_workspace / "champion" / "booster.txt").read_bytes()


def test_a_registered_model_with_a_changed_byte_is_refused(
    blind_workspace: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    copied = shutil.copytree(blind_workspace, tmp_path / "copied")
    shutil.rmtree(copied / "champion")
    with closing(sqlite3.connect(copied / "mlruns" / "mlflow.db")) as registry, registry:
        registry.execute("UPDATE model_version_tags SET value = 'another' WHERE key = 'model_sha256'")
    result = stillwatch("score", "--as-of", as_of.isoformat(), "--out", tmp_path / "out.parquet", "--workspace", copied)
    assert result.returncode == 1
    assert "is not what was registered" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "out.parquet").exists()


def test_a_time_before_the_first_request_is_a_bad_call(
    filled_workspace: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("score", "--as-of", (as_of - timedelta(days=400)).isoformat(), "--out", tmp_path / "o.parquet")
    result = stillwatch(*call, "--workspace", filled_workspace)
    assert result.returncode == 2
    assert "no request at or before 2025-03-13T13:37:21Z" in result.stderr
