"""A Ray cluster on this machine whose nodes may be added and removed."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT

_STORE_BYTES = 80_000_000  # the least that Ray takes; what units return is small
# Of the developers' environment: jsonschema, and so every process of Ray, would read its grammar for three seconds.
_UNWANTED = "rfc3987_syntax"


@contextmanager
def running_cluster(processors: list[int]) -> Iterator[Any]:
    """Yield a `ray.cluster_utils.Cluster` with a node for each number of processors; it ends with the context."""
    folder, before = Path(tempfile.mkdtemp(prefix="ray-")), dict(os.environ)
    (folder / f"{_UNWANTED}.py").write_text("raise ImportError")
    os.environ |= {
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_agent_register_timeout_ms": "120000",
        "RAY_worker_niceness": "0",  # as other processes: Ray's own default gives way to them
        "RAY_raylet_start_wait_time_s": "120",
    }
    sys.modules.setdefault(_UNWANTED, None)  # type: ignore[arg-type]
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        for count in processors:
            cluster.add_node(
                num_cpus=count,
                object_store_memory=_STORE_BYTES,
                include_log_monitor=False,
                include_dashboard=False,
                no_monitor=True,
                temp_dir=str(folder),
            )
        yield cluster
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ |= before
        shutil.rmtree(folder, ignore_errors=True)
