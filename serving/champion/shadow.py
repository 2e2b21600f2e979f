"""Another model beside the champion: it scores some of the accounts that are asked for, and no answer depends on it.

What both say is appended to a file, from which `stillwatch shadow report` tells what a change would change. The work is
bounded: so many accounts a second, so many calls that wait, so many bytes.
"""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from features.store.online_reader import Online
from serving.answer.messages import AccountScore
from serving.answer.scorer import assess
from serving.champion.succession import ServedModel

ANSWERS, SERVED = "answers.jsonl", "served"
"""What lies in a shadow's folder: the file of what both say, and the folder with the model."""

ACCOUNTS_A_SECOND = 200  # some four milliseconds of one core
_MOST_WAITING = 100  # calls
_MOST_BYTES = 256 << 20  # of the file, some million answers
_A_SECOND = 1.0

Calls = queue.Queue[tuple[ServedModel, list[AccountScore], Online, list[int]]]


@dataclass
class Shadow:
    """Scores beside the champion, in a thread of its own.

    Attributes:
        served: the other model.
        file: what both models say is appended here, one JSON object for each account that was asked for.
        report: called with one sentence when nothing more can be written.
        limit: accounts scored in a second; those beyond it are left out.
    """

    served: ServedModel
    file: Path
    report: Callable[[str], None]
    limit: int = ACCOUNTS_A_SECOND
    _left: int = 0
    _since: float = field(default_factory=lambda: -_A_SECOND)
    _calls: Calls = field(default_factory=lambda: queue.Queue(_MOST_WAITING))

    def __post_init__(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def offer(self, champion: ServedModel, scores: Sequence[AccountScore], online: Online) -> None:
        """Let the other model score the accounts of an answer, as far as the limit goes; returns at once.

        Args:
            champion: the model that answered.
            scores: its n answers.
            online: what was read of the same n accounts.
        """
        now = time.monotonic()
        if now - self._since >= _A_SECOND:
            self._left, self._since = self.limit, now
        rows = [row for row, score in enumerate(scores) if score.risk is not None][: self._left]
        if not rows:
            return
        try:
            self._calls.put_nowait((champion, list(scores), online, rows))
        except queue.Full:
            return
        self._left -= len(rows)

    def flush(self) -> None:
        """Wait until everything offered so far is written."""
        self._calls.join()

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            try:
                self._append(*call)
            except Exception as error:  # the disk is full, or the file is not ours: answers go on
                self.report(f"the other model's scores are not written any more ({type(error).__name__})")
                self.limit = 0
            finally:
                self._calls.task_done()

    def _append(self, champion: ServedModel, scores: list[AccountScore], online: Online, rows: list[int]) -> None:
        matrix, lift = online.matrix[rows], online.lift[rows]
        risks = assess(self.served.model, matrix, np.ones(len(rows), dtype=np.bool_), lift).tolist()
        at = datetime.now(UTC).isoformat()
        lines = [
            json.dumps(
                {
                    "at": at,
                    "account_id": scores[row].account_id,
                    "champion": champion.name.version,
                    "risk": scores[row].risk,
                    "level": scores[row].level,
                    "shadow": self.served.name.version,
                    "shadow_risk": risk,
                    "shadow_level": self.served.thresholds.level(risk),
                }
            )
            for row, risk in zip(rows, risks, strict=True)
        ]
        content = ("\n".join(lines) + "\n").encode()
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(content) > _MOST_BYTES:
                raise OSError("the file is full")
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
