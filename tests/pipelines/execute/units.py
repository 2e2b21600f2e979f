"""Units of work for tests of engines; in a file of their own, so that a worker that imports them starts quickly."""

import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from features.errors import InputError


def double(number: int) -> int:
    return 2 * number


def name_worker(number: int) -> tuple[int, str | None]:
    time.sleep(0.05)  # so that nobody takes all units
    return os.getpid(), os.environ.get("POLARS_MAX_THREADS")


def refuse(number: int) -> None:
    raise InputError(f"unit {number} is not to be had.")


def wait_by_number(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0.0)
    return number


def wait_for(folder: Path, number: int, units: int) -> int:
    """Unit 0 ends when all are at work, the others when they are told to."""
    (folder / f"{number}-{secrets.token_hex(4)}").touch()
    wanted = (lambda: len(list(folder.iterdir())) == units) if number == 0 else (folder / "go").exists
    while not wanted():
        time.sleep(0.05)
    return number


def end_worker(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_worker_once(folder: Path, work: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    """Do the work, but end the worker before it can tell, at the first unit of each kind of work."""
    result = work(*call)
    try:
        (folder / work.__name__).touch(exist_ok=False)
    except FileExistsError:
        return result
    return end_worker(0)


def lose_once(folder: Path, ends_worker: bool, work: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    """Do a unit; the first unit of each kind of work is done again, by a new worker or by the same."""
    if ends_worker:
        return end_worker_once(folder, work, call)
    work(*call)
    (folder / work.__name__).touch()
    return work(*call)
