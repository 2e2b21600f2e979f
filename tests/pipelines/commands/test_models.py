"""Training with and without labels and planted campaigns, through the real commands."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.cli import main  # noqa: F401  (the commands stand where the program finds them)
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate
from training import tracking
from training.fitting.plan import Plan
from training.models import model as models

Run = Callable[..., subprocess.CompletedProcess[str]]
TIME = "2026-04-17T13:37:21Z"


@pytest.fixture(scope="session")
def small_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of some 400 accounts."""
    out = tmp_path_factory.mktemp("small") / "world"
    simulate(SimulationRequest(scenario="small", out=out, scale=0.3, days=14))
    return out


@pytest.fixture(scope="module")
def ingested(small_inputs: Path, command: list[str], key: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has ingested it, and done nothing else."""
    root = tmp_path_factory.mktemp("ingested") / "workspace"
    call = [
        *command,
        "ingest",
        "--requests",
        small_inputs / "requests",
        "--accounts",
        small_inputs / "accounts.parquet",
    ]
    home = {"HOME": str(root.parent), "STILLWATCH_KEY": key, "PATH": ""}
    subprocess.run([*map(str, call), "--workspace", str(root)], check=True, capture_output=True, env=home)
    return root


@pytest.fixture
def fresh(ingested: Path, tmp_path: Path) -> Path:
    """A copy of it to train in."""
    return shutil.copytree(ingested, tmp_path / "fresh")


@pytest.fixture
def untrained(filled_workspace: Path, tmp_path: Path) -> Path:
    """The requests of the shared workspace, and nothing else of it."""
    shutil.copytree(filled_workspace / "lake", tmp_path / "untrained" / "lake")
    return tmp_path / "untrained"


def label(workspace: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((workspace / "champion" / "label.json").read_text())
    return content


@pytest.mark.slow
def test_a_first_champion_learns_from_planted_campaigns_gives_way_to_labels_and_its_label_tells_what_was_planted(
    fresh: Path, small_inputs: Path, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("--as-of", TIME, "--workspace", fresh)
    result = stillwatch("retrain", "--plant-families", "bare_seeds,code_tasks", *call)
    assert result.returncode == 0, result.stderr
    assert "Version 1 was trained" in result.stdout
    assert "is the champion now" in result.stdout
    assert "Nothing is confirmed yet, so nothing could be judged" in result.stdout
    assert "planted ones, judged on" in result.stdout
    assert label(fresh)["calibrator"]["base_rate"] == Plan().assumed_base_rate

    scored = stillwatch("score", *call, "--out", tmp_path / "scores.parquet")
    assert scored.returncode == 0, scored.stderr
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert len(scores) > 300
    assert not scores["account_id"].str.starts_with("planted").any()
    truth = pl.read_parquet(small_inputs / "truth.parquet")
    both = scores.join(truth, on="account_id")
    means = [both.filter(pl.col("label") == side)["risk"].mean() for side in (True, False)]
    assert means[0] > 2 * means[1]

    labelled = ("train", "--labels", small_inputs / "labels.parquet", *call)
    result = stillwatch(*labelled, "--plant-families", "bare_seeds,code_tasks", "--plant-share", 0.2, "--seed", 4)
    assert result.returncode == 0, result.stderr
    assert "planted ones" in result.stdout
    promoted = stillwatch("promote", "--workspace", fresh)
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert "version 2 is the champion" in promoted.stdout
    assert stillwatch("package", "--workspace", fresh).returncode == 0
    assert label(fresh)["calibrator"]["base_rate"] != Plan().assumed_base_rate
    assert json.loads(label(fresh)["origin"]["planting"]) == {
        "families": ["bare_seeds", "code_tasks"],
        "campaigns": 3,
        "random_templates": 24,
        "accounts": [5, 40],
        "share": 0.2,
        "seed": 4,
    }


def test_a_training_without_planting_says_and_records_nothing_of_it(two_versions: Path, tmp_path: Path) -> None:
    assert "planted" not in (two_versions.parent / "said").read_text()
    model_folder = tracking.fetch(Workspace(two_versions).tracking_uri, 2, tmp_path / "model")
    assert not {"planting", "digest_planted"} & set(models.load(model_folder).origin)


@pytest.mark.parametrize("command_name", ["train", "retrain"])
def test_an_unknown_family_ends_with_2_and_the_known_ones(untrained: Path, stillwatch: Run, command_name: str) -> None:
    before = sorted(path.name for path in untrained.iterdir())
    result = stillwatch(command_name, "--plant-families", "nonsense", "--as-of", TIME, "--workspace", untrained)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "['nonsense'] can't be planted: choose from instruction_generation, chain_of_thought" in result.stderr
    assert sorted(path.name for path in untrained.iterdir()) == before


@pytest.mark.parametrize("share", ["0", "1.5", "much"])
def test_a_share_that_can_not_be_planted_ends_with_2(untrained: Path, stillwatch: Run, share: str) -> None:
    result = stillwatch("retrain", "--plant-share", share, "--as-of", TIME, "--workspace", untrained)
    assert result.returncode == 2
    assert "--plant-share" in result.stderr


def test_without_labels_and_without_planting_there_is_nothing_to_learn_from(untrained: Path, stillwatch: Run) -> None:
    result = stillwatch("retrain", "--no-plant", "--as-of", TIME, "--workspace", untrained)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Fewer than two true accounts are known" in result.stderr
    assert "features" not in result.stderr, "it is refused before any work"
    assert not (untrained / "champion").exists()
