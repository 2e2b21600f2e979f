"""Copies of the shared workspace with a second version of the model, for tests of what comes after the first."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.cli import main
from pipelines.settings import settings
from pipelines.workspace import Workspace
from training.tracking.client import NAME, connect

Once = Callable[[str, Callable[[Path], object]], Path]
Copy = Callable[[Path, Path], Path]
RetrainCopy = Callable[[Path, list[str], int], Path]
A_WEEK = timedelta(days=7)


def forget_files() -> None:
    """Let MLflow look up anew where the files of a run lie: it remembers that by the run's id, which copies share."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()


@pytest.fixture(scope="session")
def worse_labels(filled_workspace: Path, made_world: Path, as_of: datetime, once: Once) -> Path:
    """Labels under which the campaigns that the first version was judged on are honest."""

    def turn(folder: Path) -> None:
        # not through MLflow: its client remembers where a run's files lie, also in a copy of the workspace
        judged = pl.read_parquet(next((filled_workspace / "mlruns").rglob("test_set/test_set.parquet")))
        campaigns = judged.filter("label")["campaign"].unique()
        labels = pl.read_parquet(made_world / "labels.parquet").filter(pl.col("labelled_at") <= as_of)
        is_turned = pl.col("campaign").is_in(campaigns.implode())
        turned = labels.with_columns(
            label=pl.col("label") & ~is_turned.fill_null(False), campaign=pl.when(~is_turned).then("campaign")
        )
        assert turned["label"].sum() < labels["label"].sum() - 10
        turned.write_parquet(folder / "labels.parquet")

    return once("worse_labels", turn) / "labels.parquet"


@pytest.fixture(scope="session")
def retrain_copy(filled_workspace: Path, key: str, move_copy: Copy) -> RetrainCopy:
    """Retrains in a copy of the shared workspace, which lies in a folder with what the command `said`."""

    def retrain(folder: Path, options: list[str], status: int) -> Path:
        root, home = move_copy(filled_workspace, folder / "workspace"), folder / "home"
        home.mkdir(exist_ok=True)
        forget_files()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
            for name in [name for name in os.environ if name.startswith(("STILLWATCH_", "MLFLOW_"))]:
                patch.delenv(name)
            for name, value in {"STILLWATCH_KEY": key, "HOME": str(home), "TMPDIR": str(home)}.items():
                patch.setenv(name, value)
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["stillwatch", "retrain", *options, "--workspace", str(root)])
            settings.cache_clear()
            with pytest.raises(SystemExit, match=r"^\d$") as ended:
                main()
        settings.cache_clear()
        forget_files()
        assert ended.value.code == status, said.getvalue()
        assert said.getvalue().startswith("Version 2 was trained as of ")
        (folder / "said").write_text(said.getvalue())
        return root

    return retrain


@pytest.fixture(scope="session")
def two_versions(worse_labels: Path, as_of: datetime, retrain_copy: RetrainCopy, once: Once) -> Path:
    """The shared workspace with a worse second version, which the gate refused."""
    options = ["--as-of", as_of.isoformat(), "--labels", str(worse_labels), "--no-plant"]
    return once("two_versions", lambda folder: retrain_copy(folder, options, 3)) / "workspace"


@pytest.fixture(scope="session")
def late_version(made_world: Path, as_of: datetime, retrain_copy: RetrainCopy, once: Once) -> Path:
    """A folder with the shared `workspace`, a second version that was forced a week later, and what `retrain` `said`.

    No request came in that week. The version reports on families and cohorts, and waits at the gate.
    """
    options = ["--as-of", (as_of + A_WEEK).isoformat(), "--labels", str(made_world / "labels.parquet")]
    options += ["--slices", str(made_world / "truth.parquet"), "--no-plant", "--force", "--reason", "a holiday"]

    def train(folder: Path) -> None:
        client = connect(Workspace(retrain_copy(folder, options, 0)).tracking_uri)
        for alias, version in (("champion", 1), ("challenger", 2)):
            client.set_registered_model_alias(NAME, alias, str(version))

    return once("late_version", train)
