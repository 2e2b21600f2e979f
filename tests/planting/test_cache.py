"""Planted examples of a workspace: made once, kept whole, and nothing else kept."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from pipelines.models.train import plant_examples as planted
from pipelines.workspace import Workspace
from planting import Planting

Steps = list[str]


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    """Arguments of a planting of one campaign: what is planted is no matter here."""
    return {"families": ("code_tasks",), "campaigns": 1, "random_templates": 0, "accounts": (4, 8), "share": 1.0}


@pytest.fixture(scope="module")
def plant(history: Any, as_of: datetime, small: dict[str, Any]) -> Any:
    """Plants into a workspace; returns the examples and the steps that were told."""

    def plant_into(workspace: Workspace, **changes: Any) -> tuple[pl.DataFrame | None, Steps]:
        steps: Steps = []
        arguments = {"labels": history.labels, "as_of": as_of, "planting": Planting(**small)} | changes
        examples = planted(workspace, progress=lambda step, done: steps.append(step), **arguments)
        return examples, steps

    return plant_into


@dataclass(frozen=True)
class FirstCall:
    """A workspace with the same history in which was planted once: its state before, and what the call gave."""

    root: Path
    stamp: str
    examples: pl.DataFrame
    steps: Steps


@pytest.fixture(scope="module")
def first(
    plant: Any, lake_of: Any, events_of: Any, accounts_of: Any, as_of: datetime, tmp_path_factory: Any
) -> FirstCall:
    root = tmp_path_factory.mktemp("first") / "workspace"
    stamp = lake_of(root / "lake", events_of(), accounts_of()).stamp(as_of)
    return FirstCall(root, stamp, *plant(Workspace(root)))


@pytest.fixture
def workspace(first: FirstCall, tmp_path: Path) -> Workspace:
    """A copy of that workspace."""
    return Workspace(shutil.copytree(first.root, tmp_path / "workspace"))


@pytest.fixture
def unplanted(workspace: Workspace) -> Workspace:
    """A workspace with the same history in which nothing was planted."""
    shutil.rmtree(workspace.root / "planted")
    return workspace


def names(workspace: Workspace) -> list[str]:
    return [path.suffix or path.name for path in (workspace.root / "planted").iterdir() if path.suffix != ".sha256"]


def test_the_second_call_does_nothing_and_gives_the_same(plant: Any, first: FirstCall, workspace: Workspace) -> None:
    second, none = plant(workspace)
    assert "planting" in first.steps
    assert none == []
    assert second.equals(first.examples)
    assert second.schema == first.examples.schema
    assert names(workspace) == [".parquet"]


def test_nothing_of_the_planted_requests_stays(first: FirstCall, workspace: Workspace, as_of: datetime) -> None:
    ids = first.examples["account_id"].unique()
    for table in ("events", "account_rollups", "key_rollups", "accounts"):
        stored = workspace.lake.scan(table).select("account_id").collect()["account_id"]
        assert not stored.is_in(ids.implode()).any()
    (cached,) = (workspace.root / "planted").glob("*.parquet")
    assert pl.read_parquet(cached).equals(first.examples)
    assert workspace.lake.stamp(as_of) == first.stamp


@pytest.mark.parametrize(
    "change", ["labels", "history", *(pytest.param(n, marks=pytest.mark.slow) for n in ("seed", "time"))]
)
def test_anything_else_is_planted_anew_and_takes_the_place_of_the_old(
    first: FirstCall,
    plant: Any,
    workspace: Workspace,
    history: Any,
    as_of: datetime,
    small: dict[str, Any],
    change: str,
) -> None:
    if change == "history":
        long_ago = pl.DataFrame({"model": [7], "released_at": [as_of - timedelta(days=300)]})
        workspace.lake.append("releases", [long_ago], 9)
    changes = {
        "seed": {"planting": Planting(**small, seed=1)},
        "labels": {"labels": history.labels.head(1)},
        "time": {"as_of": as_of - timedelta(days=1)},
        "history": {},
    }[change]
    second, steps = plant(workspace, **changes)
    assert "planting" in steps
    assert second.equals(first.examples) == (change == "history")
    assert names(workspace) == [".parquet"]


def test_what_a_killed_run_left_is_mended_by_the_next(
    first: FirstCall, plant: Any, unplanted: Workspace, history: Any, small: dict[str, Any]
) -> None:
    """Half of the tables were written, under the same source number, when it was killed."""
    scratch = unplanted.root / "planted" / "scratch"
    history.plant(scratch, Planting(**small | {"families": ("bare_seeds",)}, seed=5))
    (scratch / "draft").write_bytes(b"half a file")
    examples, _ = plant(unplanted)
    assert names(unplanted) == [".parquet"]
    assert examples.equals(first.examples)


def test_a_run_that_is_interrupted_leaves_nothing(
    unplanted: Workspace, history: Any, as_of: datetime, small: dict[str, Any]
) -> None:
    def stop(step: str, done: float) -> None:
        if step == "reading out planted":
            raise KeyboardInterrupt("stopped")

    with pytest.raises(KeyboardInterrupt, match="stopped"):
        planted(unplanted, history.labels, as_of, Planting(**small), stop)
    assert names(unplanted) == []


def test_with_too_few_accounts_to_borrow_from_nothing_is_kept(
    plant: Any, unplanted: Workspace, history: Any, as_of: datetime
) -> None:
    away = history.donors["account_id"]
    labelled_at = pl.lit(as_of - timedelta(days=20)).cast(pl.Datetime("us", "UTC"))
    all_confirmed = pl.DataFrame({"account_id": away}).select(
        "account_id", label=pl.lit(True), labelled_at=labelled_at, campaign=pl.lit("known")
    )
    assert plant(unplanted, labels=all_confirmed)[0] is None
    assert names(unplanted) == []


def test_without_labels_an_empty_workspace_is_told_what_it_lacks(
    history: Any, as_of: datetime, small: dict[str, Any], tmp_path: Path
) -> None:
    empty = Workspace(tmp_path / "empty")
    with pytest.raises(InputError, match="No account is confirmed, and only 0 have 20 requests or more"):
        planted(empty, history.labels.clear(), as_of, Planting(**small), lambda step, done: None)
    assert names(empty) == []
