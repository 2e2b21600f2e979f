"""Workers that are processes of this machine, each with its share of the processor's threads."""

import logging
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from pipelines.execute.engine import Losses, Result
from pipelines.follow.held_pipe import end_with

_CONTEXT = get_context("spawn")  # a fork would copy the locks of Polars' threads, without the threads that open them


class LocalProcesses:
    """Runs units on a number of processes, which start with the first unit and wait for others until `close`.

    Args:
        workers: how many.
        threads: that Polars has in each, unless POLARS_MAX_THREADS says otherwise.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self._processes: dict[Connection, SpawnProcess] = {}
        self._idle: list[Connection] = []

    def run(self, work: Callable[..., Result], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Result]]:
        """Call a function with each of the arguments (`Engine.run`)."""
        waiting, losses = deque(range(len(calls))), Losses()
        running: dict[Connection, int] = {}

        def feed() -> None:
            while waiting and len(running) < self.workers:
                pipe = self._idle.pop() if self._idle else self._start()
                running[pipe] = waiting.popleft()
                with suppress(OSError):  # it was lost while it waited: seen below
                    pipe.send((work, calls[running[pipe]]))

        try:
            while waiting or running:
                feed()
                for pipe in _readable(running):
                    number = running.pop(pipe)
                    try:
                        result, error = pipe.recv()
                    except (EOFError, OSError):
                        self._end(pipe)
                        losses.add(number, work)
                        waiting.appendleft(number)
                        continue
                    self._idle.append(pipe)
                    if error is not None:
                        raise error
                    feed()  # so that nobody waits while the caller is at the result
                    yield number, result
        finally:
            for pipe in running:
                self._end(pipe)

    def processes(self) -> list[SpawnProcess]:
        """The workers that have started and were not lost."""
        return list(self._processes.values())

    def close(self) -> None:
        """End all workers, wherever they are."""
        for pipe in list(self._processes):
            self._end(pipe)
        self._idle.clear()

    def _start(self) -> Connection:
        own, other = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_work, args=(other, self.threads), daemon=True)
        process.start()
        other.close()  # so that its end is read here as the end of the pipe
        self._processes[own] = process
        return own

    def _end(self, pipe: Connection) -> None:
        process = self._processes.pop(pipe)
        process.kill()
        process.join()
        pipe.close()


def _readable(running: dict[Connection, int]) -> list[Connection]:
    return [pipe for pipe in wait(list(running)) if isinstance(pipe, Connection)]


def _work(pipe: Connection, threads: int) -> None:
    """Run the units that come by a pipe until the process that started this one ends it, or ends itself."""
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))  # before the first unit brings Polars
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person interrupts the command, which ends its workers
    logging.captureWarnings(True)
    parent = parent_process()
    assert parent is not None
    end_with(parent.sentinel)
    with suppress(EOFError):
        while True:
            work, call = pipe.recv()
            pipe.send(_outcome(work, call))


def _outcome(work: Callable[..., Any], call: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    """The result of a unit, or the error that ended it."""
    try:
        return work(*call), None
    except Exception as error:
        error.add_note(traceback.format_exc())  # which does not cross between processes by itself
        return None, error
