"""What an engine is, and the plainest one.

A unit of work is a call of a function of a module. Its arguments say where things are and which part of them is meant:
paths, times, numbers, and frozen values of these. It reads and writes files that every worker sees, and can be run
again after its worker was lost, even while the lost one still writes: what it writes lies in a folder of its own
(`own_folder`) or is named after its content. What is large is a file; what a unit returns is small.

Between processes arguments and results go by the transport of `multiprocessing` or of Ray, which pickle them. That is
the only place where anything is pickled: it stays in memory, between processes of one release and one owner. Nothing
that is stored is ever pickled.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from features.errors import StillwatchError

MOST_LOSSES = 3
"""How many workers may be lost at one unit. One is bad luck; a unit that ends every worker would go on for ever."""

Result = TypeVar("Result")


class WorkerLostError(StillwatchError):
    """A unit ended its worker again and again."""


class Engine(Protocol):
    """Runs units of work."""

    @property
    def workers(self) -> int:
        """How many units it runs at a time."""

    def run(self, work: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Result]]:
        """Call a function with each of the arguments, and yield the position of each call with its result.

        Results come as units end, in any order (`in_order` for that of the calls). A unit whose worker was lost is run
        again; the error of a unit ends the run.

        Raises:
            WorkerLostError: `MOST_LOSSES` workers were lost at one unit.
        """

    def close(self) -> None:
        """End all workers."""


class InProcess:
    """Runs units one after the other in this process."""

    workers = 1

    def run(self, work: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Result]]:
        """Call a function with each of the arguments (`Engine.run`)."""
        for number, call in enumerate(calls):
            yield number, work(*call)

    def close(self) -> None:
        """Do nothing: there are no workers."""


IN_PROCESS = InProcess()


class Losses:
    """Counts the workers that were lost at each unit."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, number: int, work: Callable[..., object]) -> None:
        """Count a worker that was lost.

        Raises:
            WorkerLostError: it is one too many.
        """
        self._counts[number] += 1
        if self._counts[number] >= MOST_LOSSES:
            raise WorkerLostError(
                f"{MOST_LOSSES} workers were lost at the same unit of work ({work.__name__}, number {number + 1}): if "
                "memory ran out, give fewer --workers or smaller files, then run the same command again."
            )


def in_order(results: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    """Yield results in the order of their calls, each as soon as all before it are there."""
    early: dict[int, Result] = {}
    wanted = 0
    for number, result in results:
        early[number] = result
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1


def own_folder(scratch: Path) -> Path:
    """Make a folder that no other unit, and no other try of this one, writes to."""
    folder = scratch / secrets.token_hex(8)
    folder.mkdir()
    return folder
