"""The whole loop: repeatable, blind for what became known later, and never without a champion once there was one."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
MODEL = ("booster.txt", "label.json", "manifest.json")


def model(workspace: Path) -> dict[str, bytes]:
    return {name: (workspace / "champion" / name).read_bytes() for name in MODEL}


def packaged(workspace: Path) -> set[str]:
    return {path.name for path in (workspace / "bento" / "stillwatch").iterdir() if (path / "bento.yaml").exists()}


@pytest.fixture
def copied(filled_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the shared workspace to change."""
    return shutil.copytree(filled_workspace, tmp_path / "copied")


def test_the_loop_leaves_a_champion_a_bento_and_a_tracked_run(filled_workspace: Path) -> None:
    assert set(model(filled_workspace)) == set(MODEL)
    assert len(packaged(filled_workspace)) == 1
    assert (filled_workspace / "mlruns" / "mlflow.db").exists()


def test_what_became_known_later_changes_no_bit_of_the_model(filled_workspace: Path, blind_workspace: Path) -> None:
    assert model(filled_workspace) == model(blind_workspace)


def test_the_same_again_keeps_the_version_whatever_labels_come_later(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    labels = pl.read_parquet(made_world / "labels.parquet")
    later = pl.col("labelled_at") > as_of
    assert labels.filter(later).height > 10
    turned = labels.with_columns(
        label=pl.when(later).then(~pl.col("label")).otherwise("label"),
        campaign=pl.when(later).then(pl.lit("another")).otherwise("campaign"),
    )
    turned.write_parquet(tmp_path / "labels.parquet")
    before = model(copied), packaged(copied)
    call = ("retrain", "--labels", tmp_path / "labels.parquet", "--as-of", as_of.isoformat(), "--workspace", copied)
    said = stillwatch(*call)
    assert said.returncode == 0, said.stderr
    assert "version 1" in said.stdout
    assert "version 2" not in said.stdout
    assert (model(copied), packaged(copied)) == before


def test_a_challenger_of_another_time_is_compared_with_the_champion_on_its_own_test_set(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run
) -> None:
    earlier = (as_of - timedelta(days=1)).isoformat()
    trained = stillwatch("train", "--labels", made_world / "labels.parquet", "--as-of", earlier, "--workspace", copied)
    assert trained.returncode == 0, trained.stderr
    said = stillwatch("promote", "--workspace", copied)
    assert said.returncode == 0, said.stderr
    assert "champion" in said.stdout or "not promoted" in said.stdout
    assert "test sets differ" not in said.stdout


def test_another_training_faces_the_champion_at_the_gate_and_scoring_goes_on(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("--as-of", as_of.isoformat(), "--workspace", copied)
    said = stillwatch("retrain", "--labels", made_world / "labels.parquet", "--seed", 5, *call)
    assert said.returncode == 0, said.stderr
    assert "version 2 is the champion" in said.stdout or "version 2 was not promoted" in said.stdout
    champion = "2" if "version 2 is the champion" in said.stdout else "1"
    bento = said.stdout.split("packaged: ")[1].splitlines()[0]
    assert Path(bento).name.startswith(f"{champion}-")
    again = stillwatch("score", *call, "--out", tmp_path / "scores.parquet")
    assert again.returncode == 0, again.stderr
    kept = stillwatch("promote", "--version", champion, "--workspace", copied)
    assert kept.returncode == 0, kept.stderr
    assert f"version {champion} is the champion" in kept.stdout


def test_a_challenger_that_the_gate_refuses_leaves_a_workspace_without_a_champion_and_says_so(
    blind_workspace: Path, made_world: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    """Labels drawn by lot teach nothing: the gate must say so, and the loop must not fail."""
    copied = shutil.copytree(blind_workspace, tmp_path / "copied")
    for made in ("mlruns", "champion", "bento"):
        shutil.rmtree(copied / made)
    labels = pl.read_parquet(made_world / "labels.parquet").filter(pl.col("labelled_at") <= as_of)
    lot = pl.Series(range(len(labels))).shuffle(seed=3) % 4
    drawn = labels.with_columns(label=lot == 0, campaign=pl.format("lot{}", pl.int_range(pl.len()) % 6))
    drawn.write_parquet(tmp_path / "labels.parquet")
    call = ("--as-of", as_of.isoformat(), "--workspace", copied)
    said = stillwatch("retrain", "--labels", tmp_path / "labels.parquet", *call)
    assert said.returncode == 0, said.stderr
    assert "version 1 was not promoted" in said.stdout
    assert "nothing is packaged" in said.stdout
    refused = stillwatch("score", *call, "--out", tmp_path / "scores.parquet")
    assert refused.returncode == 2
    assert "has no champion" in refused.stderr
