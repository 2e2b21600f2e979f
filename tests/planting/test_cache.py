"""Planted examples of a workspace: made once, kept whole, and nothing else kept."""

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


@pytest.fixture
def workspace(history: Any, tmp_path: Path, lake_of: Any, events_of: Any, accounts_of: Any) -> Workspace:
    """A workspace with the same history."""
    root = tmp_path / "workspace"
    lake_of(root / "lake", events_of(), accounts_of())
    return Workspace(root)


@pytest.fixture
def call(workspace: Workspace, history: Any, as_of: datetime, small: dict[str, Any]) -> Any:
    """Plants into the workspace; returns the examples and the steps that were told."""

    def plant(**changes: Any) -> tuple[pl.DataFrame | None, Steps]:
        steps: Steps = []
        arguments = {"labels": history.labels, "as_of": as_of, "planting": Planting(**small)} | changes
        examples = planted(workspace, progress=lambda step, done: steps.append(step), **arguments)
        return examples, steps

    return plant


def names(workspace: Workspace) -> list[str]:
    return [path.suffix or path.name for path in (workspace.root / "planted").iterdir() if path.suffix != ".sha256"]


def test_the_second_call_does_nothing_and_gives_the_same(call: Any, workspace: Workspace) -> None:
    first, steps = call()
    second, none = call()
    assert "planting" in steps
    assert none == []
    assert second.equals(first)
    assert second.schema == first.schema
    assert names(workspace) == [".parquet"]


def test_nothing_of_the_planted_requests_stays(call: Any, workspace: Workspace, as_of: datetime) -> None:
    examples, _ = call()
    before = workspace.lake.stamp(as_of)
    ids = examples["account_id"].unique()
    for table in ("events", "account_rollups", "key_rollups", "accounts"):
        stored = workspace.lake.scan(table).select("account_id").collect()["account_id"]
        assert not stored.is_in(ids.implode()).any()
    (cached,) = (workspace.root / "planted").glob("*.parquet")
    assert pl.read_parquet(cached).equals(examples)
    assert workspace.lake.stamp(as_of) == before


@pytest.mark.parametrize(
    "change", ["labels", "history", *(pytest.param(n, marks=pytest.mark.slow) for n in ("seed", "time"))]
)
def test_anything_else_is_planted_anew_and_takes_the_place_of_the_old(
    call: Any, workspace: Workspace, history: Any, as_of: datetime, small: dict[str, Any], change: str
) -> None:
    first, _ = call()
    if change == "history":
        long_ago = pl.DataFrame({"model": [7], "released_at": [as_of - timedelta(days=300)]})
        workspace.lake.append("releases", [long_ago], 9)
    changes = {
        "seed": {"planting": Planting(**small, seed=1)},
        "labels": {"labels": history.labels.head(1)},
        "time": {"as_of": as_of - timedelta(days=1)},
        "history": {},
    }[change]
    second, steps = call(**changes)
    assert "planting" in steps
    assert second.equals(first) == (change == "history")
    assert names(workspace) == [".parquet"]


def test_what_a_killed_run_left_is_mended_by_the_next(call: Any, workspace: Workspace, history: Any) -> None:
    """Half of the tables were written, under the same source number, when it was killed."""
    scratch = workspace.root / "planted" / "scratch"
    history.plant(scratch, Planting(families=("bare_seeds",), campaigns=1, random_templates=0, seed=5))
    (scratch / "draft").write_bytes(b"half a file")
    examples, _ = call()
    assert names(workspace) == [".parquet"]
    (workspace.root / "planted").rename(workspace.root / "before")
    fresh, _ = call()
    assert examples.equals(fresh)


def test_a_run_that_is_interrupted_leaves_nothing(
    workspace: Workspace, history: Any, as_of: datetime, small: dict[str, Any]
) -> None:
    def stop(step: str, done: float) -> None:
        if step == "reading out planted":
            raise KeyboardInterrupt("stopped")

    with pytest.raises(KeyboardInterrupt, match="stopped"):
        planted(workspace, history.labels, as_of, Planting(**small), stop)
    assert names(workspace) == []


def test_with_too_few_accounts_to_borrow_from_nothing_is_kept(
    call: Any, workspace: Workspace, history: Any, as_of: datetime
) -> None:
    away = history.donors["account_id"]
    labelled_at = pl.lit(as_of - timedelta(days=20)).cast(pl.Datetime("us", "UTC"))
    all_confirmed = pl.DataFrame({"account_id": away}).select(
        "account_id", label=pl.lit(True), labelled_at=labelled_at, campaign=pl.lit("known")
    )
    assert call(labels=all_confirmed)[0] is None
    assert names(workspace) == []


def test_without_labels_an_empty_workspace_is_told_what_it_lacks(
    history: Any, as_of: datetime, small: dict[str, Any], tmp_path: Path
) -> None:
    empty = Workspace(tmp_path / "empty")
    with pytest.raises(InputError, match="No account is confirmed, and only 0 have 20 requests or more"):
        planted(empty, history.labels.clear(), as_of, Planting(**small), lambda step, done: None)
    assert names(empty) == []
