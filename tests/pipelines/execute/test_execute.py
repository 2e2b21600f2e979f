"""The same bits whoever does the work: this process, four others, or the nodes of a cluster; even if some are lost."""

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.execute.engine import IN_PROCESS, Engine
from pipelines.execute.local_processes import LocalProcesses
from pipelines.ingest import Inputs, ingest
from pipelines.shards.read_outs import read_out_shards
from pipelines.workspace import Workspace
from tests.pipelines.execute.units import lose_once

pytestmark = pytest.mark.usefixtures("key_is_set")
STAGES = {"check_file", "write_requests", "read_out_shard"}


@dataclass(frozen=True)
class Losing:
    """An engine that loses a worker in some stages, after it has done its work and before it can tell.

    Attributes:
        engine: that runs the units.
        folder: says which stages were taken.
        stages: that lose a worker; in the others each unit is done twice, which takes less time.
        first_result: called with the stage when its first unit has ended.
    """

    engine: Engine
    folder: Path
    stages: Collection[str]
    first_result: Callable[[str], None] = lambda work: None

    @property
    def workers(self) -> int:
        return self.engine.workers

    def run(self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        results = self.engine.run(
            lose_once, [(self.folder, work.__name__ in self.stages, work, call) for call in calls]
        )
        for i, result in enumerate(results):
            if i == 0:
                self.first_result(work.__name__)
            yield result

    def close(self) -> None:
        self.engine.close()


@dataclass(frozen=True)
class Filled:
    """What a workspace holds, and what is read out of it.

    Attributes:
        files: of all tables; a name says what the file holds, to the bit.
        features: of all accounts.
    """

    files: set[Path]
    features: pl.DataFrame


def fill(root: Path, few: Path, engine: Engine, as_of: datetime) -> Filled:
    """Ingest and read out."""
    workspace = Workspace(root, engine=engine)
    small = {name: few / f"{name}.parquet" for name in ("accounts", "enforcement", "releases")}
    counts = ingest(workspace, Inputs(few / "requests", **small), reject_limit=0.05, progress=lambda _step, _done: None)
    assert counts["requests"].repeats > 0 and counts["requests"].rejects
    lake = workspace.lake
    features = read_out_shards(engine, lake, as_of, workspace.scratch, lambda _done: None)
    assert not any(workspace.scratch.glob("*"))
    files = {path.relative_to(lake.root) for path in lake.root.rglob("*.parquet") if "_delta_log" not in path.parts}
    return Filled(files, features)


@pytest.fixture(scope="module")
def alone(few: Path, as_of: datetime, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return fill(tmp_path_factory.mktemp("alone"), few, IN_PROCESS, as_of)


def assert_same_bits(engine: Losing, alone: Filled, few: Path, as_of: datetime, root: Path) -> None:
    """An engine that loses workers fills a workspace as one process does, and met all stages."""
    engine.folder.mkdir()
    try:
        filled = fill(root, few, engine, as_of)
    finally:
        engine.close()
    assert filled.files == alone.files
    assert_frame_equal(filled.features, alone.features, check_exact=True)
    assert {path.name for path in engine.folder.iterdir()} == STAGES


@pytest.mark.parametrize("stages", [{"write_requests"}, pytest.param(STAGES, marks=pytest.mark.slow)])
def test_four_processes_of_which_some_are_lost_give_the_same_bits(
    stages: set[str], alone: Filled, few: Path, as_of: datetime, tmp_path: Path
) -> None:
    engine = Losing(LocalProcesses(4, 1), tmp_path / "taken", stages)
    assert_same_bits(engine, alone, few, as_of, tmp_path / "workspace")


@pytest.mark.slow
def test_three_nodes_of_which_workers_and_one_node_are_lost_give_the_same_bits(
    alone: Filled, few: Path, as_of: datetime, tmp_path: Path
) -> None:
    from benchmarks.workers.ray_nodes import running_cluster
    from pipelines.execute.ray_cluster import RayCluster

    with running_cluster([1, 1, 1]) as cluster:

        def lose_node(stage: str) -> None:
            if stage == "write_requests":
                cluster.remove_node(list(cluster.worker_nodes)[-1], allow_graceful=False)

        engine = Losing(RayCluster(cluster.address), tmp_path / "taken", STAGES, lose_node)
        assert_same_bits(engine, alone, few, as_of, tmp_path / "workspace")


@pytest.mark.slow
def test_scores_and_campaigns_of_four_processes_are_those_of_one(
    filled_workspace: Path,
    scores: pl.DataFrame,
    move_copy: Callable[[Path, Path], Path],
    stillwatch: Callable[..., CompletedProcess[str]],
    as_of: datetime,
    tmp_path: Path,
) -> None:
    """The shared workspace was filled by one process; its copy has lost all features."""
    root, campaigns = move_copy(filled_workspace, tmp_path / "workspace"), []
    shutil.rmtree(root / "features")
    options = ("--as-of", as_of.isoformat(), "--workspace", root)
    assert stillwatch("score", *options, "--out", tmp_path / "scores.parquet", "--workers", 4).returncode == 0
    assert_frame_equal(pl.read_parquet(tmp_path / "scores.parquet"), scores, check_exact=True)
    for workspace in (root, filled_workspace):
        out = tmp_path / f"{workspace.parent.name}.parquet"
        asked = stillwatch("campaigns", "--as-of", as_of.isoformat(), "--workspace", workspace, "--out", out)
        assert asked.returncode == 0, asked.stderr
        campaigns.append(pl.read_parquet(out))
    assert len(campaigns[0])
    assert_frame_equal(*campaigns, check_exact=True)
