"""Calls whose right answers are known, sent while something breaks, and how long `/livez` takes meanwhile."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

JSON = {"content-type": "application/json"}
_LIVEZ_PAUSE = 0.02
KNOWN_STATUSES = ("scored", "stale")


@dataclass
class AnswerTally:
    """What came of the calls.

    Attributes:
        sent: calls.
        answered: those that got all right answers.
        degraded: those that were told of some or all accounts that they are unavailable, and nothing wrong.
        refused: those that got 429 or 503.
        lost: those that got no answer, as the server was gone.
        wrong: those of which an answer was another than the right one; with an example.
        livez: the slowest answer of `/livez`, in seconds.
        stall: how late the machine woke the one who asks it up, at worst, in seconds: what a busy machine adds.
        slowest: the slowest answer of a call, in seconds.
        last_bad, last_right: when the last call of a kind ended.
    """

    counts: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    livez: float = 0.0
    stall: float = 0.0
    slowest: float = 0.0
    example: str = ""
    last_bad: float = 0.0
    last_right: float = 0.0

    def note(self, verdict: str, seconds: float, now: float) -> None:
        """Count a call that took so long and ended now."""
        self.counts["sent"] += 1
        self.counts[verdict] += 1
        self.slowest = max(self.slowest, seconds)
        if verdict == "answered":
            self.last_right = now
        else:
            self.last_bad = now


class Prober:
    """Asks for known accounts and for strangers over one connection, and for `/livez` over another.

    Args:
        url: of the server.
        risks: the right risk of each account.
        pause: seconds between two calls.
    """

    def __init__(self, url: str, risks: Mapping[str, float], pause: float = 0.005) -> None:
        self._netloc, self._risks, self._pause = urlsplit(url).netloc, risks, pause
        self._ids, self._random = list(risks), random.Random(1)
        self._tally, self._stopped = AnswerTally(), threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._call, self._watch)]

    def __enter__(self) -> "Prober":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def restart(self) -> AnswerTally:
        """Count anew; return what was counted."""
        tally, self._tally = self._tally, AnswerTally()
        return tally

    @property
    def last_bad(self) -> float:
        """When the last call ended that was not answered rightly."""
        return self._tally.last_bad

    @property
    def last_right(self) -> float:
        """When the last call ended that was answered rightly."""
        return self._tally.last_right

    def _call(self) -> None:
        connection = self._connect(10)
        while not self._stopped.wait(self._pause):
            ids = [*self._random.sample(self._ids, 2), f"stranger-{self._random.randrange(10**9)}"]
            begin = time.perf_counter()
            tally = self._tally
            try:
                connection.request("POST", "/score", json.dumps({"account_ids": ids}), JSON)
                response = connection.getresponse()
                verdict = self._judge(response.status, response.read(), tally)
            except (OSError, http.client.HTTPException):
                verdict, connection = "lost", self._connect(10)
                time.sleep(0.02)
            tally.note(verdict, time.perf_counter() - begin, time.monotonic())

    def _judge(self, status: int, body: bytes, tally: AnswerTally) -> str:
        if status in (429, 503):
            return "refused"
        if status != 200:
            tally.example = f"{status} {body[:200]!r}"
            return "wrong"
        scores: list[dict[str, Any]] = json.loads(body)["scores"]
        verdicts = [self._judge_score(score) for score in scores]
        tally.troubles.update(score["trouble"] for score in scores if score["trouble"])
        if "wrong" in verdicts:
            tally.example = str(scores[verdicts.index("wrong")])
        return next((verdict for verdict in ("wrong", "degraded") if verdict in verdicts), "answered")

    def _judge_score(self, score: dict[str, Any]) -> str:
        right, status = self._risks.get(score["account_id"]), score["status"]
        if status == "unavailable":
            return "degraded" if score["risk"] is None and score["trouble"] else "wrong"
        if right is None:
            return "answered" if status == "unknown_account" and score["risk"] is None else "wrong"
        return "answered" if status in KNOWN_STATUSES and score["risk"] == right else "wrong"

    def _watch(self) -> None:
        connection, asleep = self._connect(30), time.perf_counter()
        while not self._stopped.wait(_LIVEZ_PAUSE):
            begin = time.perf_counter()
            tally = self._tally
            tally.stall = max(tally.stall, begin - asleep - _LIVEZ_PAUSE)
            try:
                connection.request("GET", "/livez")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection = self._connect(30)
            asleep = time.perf_counter()
            tally.livez = max(tally.livez, asleep - begin)

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._netloc, timeout=seconds)
