"""The grouping of a follower: all accounts, in a process of its own, with less right to the processor than refreshes.

python -m pipelines.follow.grouping_process WORKSPACE AS_OF LIFTS KEYS

A thread would do all but end: an interpreter that ends while a thread computes natively crashes.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import polars as pl

from features.errors import StillwatchError
from pipelines.build import ensure_features
from pipelines.campaigns.lifts import list_joinable, main_groups, tell_lifts
from pipelines.follow.held_pipe import end_with
from pipelines.models.champion import current_champion
from pipelines.workspace import Workspace
from serving.process import last_words

SHORTEST_PAUSE, LONGEST_PAUSE = 30.0, 3_600.0
"""Seconds between two groupings that do not help; they double. A grouping takes minutes of processor time, so without a
pause one that fails would take all there is; a shorter longest pause would hardly bring scores back any sooner."""

_LESS_RIGHT = 10  # of 19 that a process can give up: a grouping takes minutes, a refresh seconds


@dataclass
class GroupingSchedule:
    """When all accounts are grouped: at an interval, at once where the online store was emptied, with growing pauses
    while that does not help. Times are seconds of a clock that only runs forwards.

    Attributes:
        every: seconds between the begins of two groupings.
    """

    every: float
    _next: float = 0.0
    _earliest: float = 0.0
    _pause: float = 0.0
    _has_failed: bool = False

    def is_due(self, now: float) -> bool:
        """Tell whether a grouping should begin."""
        return now >= max(self._next, self._earliest)

    def begin(self, now: float) -> None:
        """Note that one begins."""
        self._next = now + self.every

    def end(self, now: float, *, has_failed: bool) -> None:
        """Note that one has ended; it has helped once `note_online` says so."""
        self._pause = min(max(2 * self._pause, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._earliest, self._has_failed = now + self._pause, has_failed
        if has_failed:
            self._next = 0.0

    def note_online(self, *, is_whole: bool) -> None:
        """Note whether all accounts are online: only a grouping brings back those that an emptied store lacks."""
        if not is_whole:
            self._next = 0.0
        elif not self._has_failed:
            self._pause = self._earliest = 0.0


@dataclass(frozen=True, eq=False)
class GroupingProcess:
    """A grouping that runs.

    Attributes:
        as_of: its time.
        log: what the process has to say.
    """

    as_of: datetime
    log: Path
    _process: "subprocess.Popen[bytes]"
    _lifts: IO[bytes]
    _joinable: IO[bytes]

    @classmethod
    def start(cls, workspace: Workspace, as_of: datetime, log: Path) -> "GroupingProcess":
        """Begin to group all accounts of a workspace as of a time."""
        answers = [tempfile.TemporaryFile(dir=workspace.root) for _ in range(2)]  # noqa: SIM115  closed by `end`
        numbers = [answer.fileno() for answer in answers]
        call = [sys.executable, "-m", "pipelines.follow.grouping_process", str(workspace.root), as_of.isoformat()]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*call, *map(str, numbers)], stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=numbers
            )
        return cls(as_of, log, process, *answers)

    def is_done(self) -> bool:
        """Tell whether it has ended, well or not."""
        return self._process.poll() is not None

    def lifts(self) -> pl.DataFrame:
        """Return what each account gains by its group, a frame of `LIFTS_SCHEMA`.

        Raises:
            StillwatchError: the grouping failed; with the last line that it wrote.
        """
        return self._read(self._lifts)

    def joinable(self) -> pl.DataFrame:
        """Return the keys by which an account can join a group, a frame of `JOINABLE_SCHEMA`; raises as `lifts`."""
        return self._read(self._joinable)

    def _read(self, answer: IO[bytes]) -> pl.DataFrame:
        if self._process.wait():
            raise StillwatchError(last_words(self.log))
        answer.seek(0)
        return pl.read_ipc(answer)

    def end(self) -> None:
        """End it, wherever it is. What it has written to the workspace is whole, as after a killed `build`."""
        self._process.kill()
        self._process.communicate()
        for answer in (self._lifts, self._joinable):
            answer.close()


def main() -> None:
    """Group, and write lifts and keys to the files that the follower has opened."""
    os.nice(_LESS_RIGHT)
    end_with(sys.stdin.fileno())
    workspace, as_of = Workspace(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2])
    named = workspace.named_at(as_of)
    ensure_features(named, [as_of], _silent)
    champion = current_champion(named)
    members = main_groups(named, champion, as_of, _silent)
    answers = (tell_lifts(members, is_lifted=champion is not None), list_joinable(named, members, as_of))
    for number, answer in zip(sys.argv[3:], answers, strict=True):
        with open(int(number), "wb") as file:
            answer.write_ipc(file)


def _silent(step: str, done: float) -> None:
    """No progress."""


if __name__ == "__main__":
    main()
