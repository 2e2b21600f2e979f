"""The grouping of a follower: all accounts, in a process of its own, with less right to the processor than refreshes.

python -m pipelines.follow.grouping_process WORKSPACE AS_OF

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
from pipelines.campaigns.lifts import lift_accounts
from pipelines.follow.held_pipe import end_with
from pipelines.models.champion import current_champion
from pipelines.workspace import Workspace
from serving.process import last_words

_LESS_RIGHT = 10  # of 19 that a process can give up: a grouping takes minutes, a refresh seconds


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

    @classmethod
    def start(cls, workspace: Workspace, as_of: datetime, log: Path) -> "GroupingProcess":
        """Begin to group all accounts of a workspace as of a time."""
        lifts = tempfile.TemporaryFile(dir=workspace.root)  # noqa: SIM115  closed by `end`
        call = [sys.executable, "-m", "pipelines.follow.grouping_process", str(workspace.root), as_of.isoformat()]
        with log.open("ab") as output:
            process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=lifts, stderr=output)
        return cls(as_of, log, process, lifts)

    def is_done(self) -> bool:
        """Tell whether it has ended, well or not."""
        return self._process.poll() is not None

    def lifts(self) -> pl.DataFrame:
        """Return what each account gains by its group, a frame of `LIFTS_SCHEMA`.

        Raises:
            StillwatchError: the grouping failed; with the last line that it wrote.
        """
        if self._process.wait():
            raise StillwatchError(last_words(self.log))
        self._lifts.seek(0)
        return pl.read_ipc(self._lifts)

    def end(self) -> None:
        """End it, wherever it is. What it has written to the workspace is whole, as after a killed `build`."""
        self._process.kill()
        self._process.communicate()
        self._lifts.close()


def main() -> None:
    """Group, and write the lifts to the standard output, which the follower has made a file."""
    os.nice(_LESS_RIGHT)
    end_with(sys.stdin.fileno())
    workspace, as_of = Workspace(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2])
    named = workspace.named_at(as_of)
    ensure_features(named, [as_of], _silent)
    lift_accounts(named, current_champion(named), as_of, _silent).write_ipc(sys.stdout.buffer)


def _silent(step: str, done: float) -> None:
    """No progress."""


if __name__ == "__main__":
    main()
