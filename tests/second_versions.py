"""Workspaces beside the shared one: copies with a second version of the model, and one that saw nothing later."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipelines.cli import main
from pipelines.settings import settings
from pipelines.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.ingest import Inputs

Once = Callable[[str, Callable[[Path], object]], Path]
Copy = Callable[[Path, Path], Path]
RetrainCopy = Callable[[Path, list[str], int], Path]
A_WEEK = timedelta(days=7)
PLANTED = 0.1  # share of accounts that the shared workspace plants: a third of the usual takes a third of the time


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
        from training.tracking.client import NAME, connect

        client = connect(Workspace(retrain_copy(folder, options, 0)).tracking_uri)
        for alias, version in (("champion", 1), ("challenger", 2)):
            client.set_registered_model_alias(NAME, alias, str(version))

    return once("late_version", train)


@pytest.fixture(scope="session")
def blind_workspace(made_world: Path, filled_workspace: Path, as_of: datetime, key: str, once: Once) -> Path:
    """Like the shared workspace, but it never saw a row that became known after `as_of`.

    Its registry has the version of the shared one. A training on the very same inputs ends there; on any others it
    would give a second version, and another Bento.
    """

    def fill(folder: Path) -> None:
        (folder / "known").mkdir()
        for made in ("bento", "mlruns"):
            shutil.copytree(filled_workspace / made, folder / "workspace" / made)
        forget_files()
        labels = pl.read_parquet(made_world / "labels.parquet").filter(pl.col("labelled_at") <= as_of)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STILLWATCH_KEY", key)
            settings.cache_clear()
            _train(Workspace(folder / "workspace"), _cut(made_world, folder / "known", as_of), labels, as_of)
        settings.cache_clear()
        forget_files()

    return once("blind", fill) / "workspace"


def _train(workspace: Workspace, inputs: "Inputs", labels: pl.DataFrame, as_of: datetime) -> None:
    """Fill a workspace and retrain in it."""
    from pipelines.ingest import ingest
    from pipelines.models.train import VersionRequest
    from pipelines.retrain import retrain
    from planting import Planting

    ingest(workspace, inputs, reject_limit=0.01, progress=_silent)
    request = VersionRequest(labels=labels, as_of=as_of, planting=Planting(share=PLANTED))
    retrain(workspace, request, progress=_silent, now=as_of)


def _silent(step: str, done: float) -> None:
    """No progress."""


def _cut(world: Path, folder: Path, as_of: datetime) -> "Inputs":
    """The rows of a world that were known at a time; the requests in one file."""
    from pipelines.ingest import Inputs

    times = {"requests": "timestamp", "accounts": "created_at", "enforcement": "acted_at", "releases": "released_at"}
    for name, time in times.items():
        path = world / name if name == "requests" else world / f"{name}.parquet"
        pl.read_parquet(path).filter(pl.col(time) <= as_of).write_parquet(folder / f"{name}.parquet")
    return Inputs(**{name: folder / f"{name}.parquet" for name in times})
