"""Workers of a Ray cluster, whose nodes have the same release and see the same folders at the same paths."""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from features.code_version import code_version
from features.errors import InputError, missing_extra
from pipelines.execute.engine import MOST_LOSSES, Result, WorkerLostError
from pipelines.outputs import keep_private

_ANSWER_SECONDS = 5.0


class RayCluster:
    """Runs units as tasks of a Ray cluster. Ray itself runs a task again whose worker or node was lost.

    Args:
        address: of the cluster, as `host:port`.
        workers: how many units run at a time; None for as many as the cluster has processors.

    Raises:
        InputError: Ray is not installed, or no cluster answers there.
    """

    def __init__(self, address: str, workers: int | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise missing_extra("--cluster", "ray") from None
        self._ray = ray
        try:
            _check_address(address)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"no Ray cluster can be used at {address} ({str(error).splitlines()[0]}): give --cluster the host:port "
                "of one of which this machine is a node, with the same releases of Ray and Python."
            ) from error
        processors = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        self.workers = workers or max(1, sum(processors))
        self._threads = max(1, min(sum(processors) // self.workers, *processors))

    def run(self, work: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Result]]:
        """Call a function with each of the arguments (`Engine.run`)."""
        task = self._ray.remote(
            num_cpus=self._threads,
            max_retries=MOST_LOSSES - 1,
            runtime_env={"env_vars": {"POLARS_MAX_THREADS": str(self._threads)}},
        )(_run_on_node).options(name=work.__name__)
        waiting = deque(range(len(calls)))
        running: dict[Any, int] = {}

        def feed() -> None:
            while waiting and len(running) < self.workers:
                number = waiting.popleft()
                running[task.remote(work, calls[number], os.getcwd(), code_version(work.__module__))] = number

        try:
            feed()
            while running:
                (reference, *_), _ = self._ray.wait(list(running))
                number = running.pop(reference)
                result = self._result(reference, work)
                feed()  # so that nobody waits while the caller is at the result
                yield number, result
        finally:
            for reference in running:
                self._ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster, which ends what it still does for this process."""
        self._ray.shutdown()

    def _result(self, reference: Any, work: Callable[..., Result]) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from error
        except errors.RayError as error:
            raise WorkerLostError(
                f"{MOST_LOSSES} workers of the cluster were lost at the same unit of work ({work.__name__}; "
                f"{str(error).splitlines()[0]}): look at the cluster's nodes, then run the same command again."
            ) from error


def _check_address(address: str) -> None:
    """Check that something answers at an address; Ray would wait for it for many minutes.

    Raises:
        OSError, ValueError: nothing does, or it is no address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        raise ValueError("it is not of the form host:port")
    socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()


def _run_on_node(work: Callable[..., Result], call: tuple[Any, ...], folder: str, version: str) -> Result:
    """Run a unit on a node as the command's own process would.

    Raises:
        InputError: the node sees other folders, or has another release.
    """
    try:
        os.chdir(folder)  # paths may be relative
    except OSError as error:
        raise InputError(
            f"the node {os.uname().nodename} of the cluster does not see {folder} ({error.strerror}): let all nodes "
            "mount the same folders at the same paths."
        ) from error
    if code_version(work.__module__) != version:
        raise InputError(
            f"the node {os.uname().nodename} of the cluster has another release of stillwatch or of its libraries "
            "than this machine: install the same on all."
        )
    keep_private()
    return work(*call)
