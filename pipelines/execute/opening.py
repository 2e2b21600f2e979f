"""The engine that a command asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from pipelines.execute.engine import IN_PROCESS, Engine
from pipelines.execute.local_processes import LocalProcesses
from pipelines.execute.ray_cluster import RayCluster


@contextmanager
def open_engine(workers: int | None, cluster: str | None) -> Iterator[Engine]:
    """Yield the engine of a command, whose workers end with the context.

    Args:
        workers: how many; None for this process alone, or for all processors of the cluster.
        cluster: the address of a Ray cluster; None for this machine.

    Raises:
        InputError: the cluster can't be used.
    """
    engine = _make_engine(workers, cluster)
    try:
        yield engine
    finally:
        engine.close()


def _make_engine(workers: int | None, cluster: str | None) -> Engine:
    if cluster is not None:
        return RayCluster(cluster, workers)
    if workers is None or workers == 1:
        return IN_PROCESS
    return LocalProcesses(workers, max(1, pl.thread_pool_size() // workers))
