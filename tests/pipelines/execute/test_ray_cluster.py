"""Units on the nodes of a real Ray cluster: how they end, and what lost workers and nodes cost."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.workers.ray_nodes import running_cluster
from features.errors import InputError
from pipelines.execute import ray_cluster
from pipelines.execute.engine import WorkerLostError
from pipelines.execute.ray_cluster import RayCluster
from tests.pipelines.execute.units import double, end_worker, end_worker_once, name_worker, refuse, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with running_cluster([1, 1, 1]) as cluster:
        yield cluster


@pytest.fixture
def engine(nodes: Any) -> Iterator[RayCluster]:
    opened = RayCluster(nodes.address)
    yield opened
    opened.close()


def test_by_default_each_processor_is_a_worker_of_one_thread(engine: RayCluster) -> None:
    assert engine.workers == 3
    workers = {worker for _, worker in engine.run(name_worker, [(i,) for i in range(6)])}
    assert {threads for _, threads in workers} == {"1"}


def test_the_error_of_a_unit_ends_the_run(engine: RayCluster) -> None:
    with pytest.raises(InputError, match=r"^unit 7 is not to be had"):
        list(engine.run(refuse, [(7,)]))


def test_a_lost_worker_loses_its_unit_only(engine: RayCluster, tmp_path: Path) -> None:
    results = engine.run(end_worker_once, [(tmp_path, double, (i,)) for i in range(4)])
    assert sorted(results) == [(i, 2 * i) for i in range(4)]


def test_a_unit_that_ends_every_worker_ends_the_run(engine: RayCluster) -> None:
    with pytest.raises(WorkerLostError, match=r"3 workers of the cluster were lost at the same unit.*end_worker"):
        list(engine.run(end_worker, [(1,)]))


def test_a_node_of_another_release_is_refused(engine: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "code_version", lambda module: "another")
    with pytest.raises(InputError, match="has another release of stillwatch or of its libraries than this machine"):
        list(engine.run(double, [(1,)]))


def test_a_node_that_does_not_see_the_folder_is_refused(
    engine: RayCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rename(tmp_path / "away")
    monkeypatch.setattr("os.getcwd", lambda: str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"does not see .*gone .*mount the same folders"):
        list(engine.run(double, [(1,)]))


def test_a_lost_node_loses_its_units_only(nodes: Any, tmp_path: Path) -> None:
    """Of three nodes, each at a unit, two are killed; they do not come back."""
    engine, numbers = RayCluster(nodes.address), []
    for number, _ in engine.run(wait_for, [(tmp_path, i, 3) for i in range(3)]):
        if not numbers:
            for node in list(nodes.worker_nodes):
                nodes.remove_node(node, allow_graceful=False)
            end = time.monotonic() + 100
            while len(list(tmp_path.iterdir())) == 3 and time.monotonic() < end:
                time.sleep(0.1)  # until a unit of theirs has begun again
            (tmp_path / "go").touch()
        numbers.append(number)
    engine.close()
    assert sorted(numbers) == [0, 1, 2]
    tries = [len(list(tmp_path.glob(f"{i}-*"))) for i in range(3)]
    assert tries[0] == 1 and sum(tries) > 3
