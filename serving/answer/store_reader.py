"""Reading the online store beside the event loop: one thread, a bounded wait, and a pause after failures.

A store that hangs must not keep anybody waiting who asks something else. One thread reads for all calls that wait,
together, so that many small calls cost little more than a large one.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from features.errors import IntegrityError
from features.store.lookup import FeatureLookup
from features.store.online_reader import ForeignStoreError, Online
from serving.answer.messages import Trouble
from serving.answer.store_opening import PROBE

log = logging.getLogger("stillwatch.serve")
WAIT_SECONDS = 2.0
"""How long a call waits in all, those before it included; longer only if a disk hangs."""

SWITCH_SECONDS = 1e-4
"""How long a thread that wants to run waits for one that runs. SQLite lets go of the interpreter at each of a hundred
rows; with Python's 5 ms an event loop that is busy with refusals would let the reader come forward once in each."""

FAILURES, PAUSE_SECONDS = 3, 0.5
"""After so many failures one after the other the store is not asked for so long; then one call tries again."""

MOST_IDS = 1_000  # that are read together


class UnavailableError(Exception):
    """The store can't be read; `trouble` says why."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Looked:
    """What the store says of some accounts.

    Attributes:
        online: their rows.
        troubles: why nothing is said of an account that may be known, by id.
    """

    online: Online
    troubles: dict[str, Trouble]


@dataclass(slots=True, eq=False)
class _Ask:
    ids: list[str]
    answer: "asyncio.Future[Looked]"


@dataclass
class Breaker:
    """Decides whether the store is asked at all.

    Attributes:
        failures: how many there were since the last success.
        trouble: the last one.
        retry_at: when the next call may try.
    """

    failures: int = 0
    trouble: Trouble = "store_unreachable"
    retry_at: float = field(default=0.0)

    def lets_through(self, now: float) -> bool:
        """Tell whether the store may be asked; while it fails, once in each pause."""
        if self.failures < FAILURES:
            return True
        if now < self.retry_at:
            return False
        self.retry_at = now + PAUSE_SECONDS
        return True

    def note(self, trouble: Trouble | None, now: float) -> None:
        """Note how the store answered; None for well."""
        if trouble is None:
            self.failures = 0
            return
        self.failures += 1
        self.trouble, self.retry_at = trouble, now + PAUSE_SECONDS


class StoreReader:
    """Reads an online store for an event loop.

    Args:
        lookup: the store.
        clock: gives the time in seconds.
    """

    def __init__(self, lookup: FeatureLookup, clock: Callable[[], float] = time.monotonic) -> None:
        self.lookup, self._clock = lookup, clock
        self.breaker = Breaker()
        self._asks: SimpleQueue[_Ask] = SimpleQueue()
        sys.setswitchinterval(SWITCH_SECONDS)
        threading.Thread(target=self._serve, name="store reader", daemon=True).start()

    async def read(self, ids: list[str]) -> Looked:
        """Read accounts, none of them twice.

        Raises:
            UnavailableError: the store can't be read now.
        """
        now = self._clock()
        if not self.breaker.lets_through(now):
            raise UnavailableError(self.breaker.trouble)
        loop = asyncio.get_running_loop()
        ask = _Ask(ids, loop.create_future())
        timer = loop.call_later(WAIT_SECONDS, self._give_up, ask)
        self._asks.put(ask)
        try:
            return await ask.answer
        finally:
            timer.cancel()

    async def is_ready(self) -> bool:
        """Tell whether the store answers, and holds what was brought online."""
        try:
            looked = await self.read([PROBE])
        except UnavailableError:
            return False
        return PROBE not in looked.troubles

    def look(self, ids: Sequence[str]) -> Looked:
        """Read accounts in this thread.

        Raises:
            Exception: of Feast, SQLite or Redis, or damage.
        """
        online = self.lookup.online(ids)
        troubles: dict[str, Trouble] = {}
        if online.damaged.any():
            troubles = {ids[row]: "row_damaged" for row in online.damaged.nonzero()[0].tolist()}
        missing = [account for account, as_of in zip(ids, online.as_of, strict=True) if as_of is None]
        missing = [account for account in missing if account not in troubles]
        if missing:
            troubles |= self._explain(missing)
        return Looked(online, troubles)

    def _explain(self, missing: list[str]) -> dict[str, Trouble]:
        """Say of accounts without a row who is known nevertheless: nobody is a stranger to a store that was emptied."""
        try:
            lost = self.lookup.expected(missing)
        except Exception:  # of Polars; without the list nobody knows who is a stranger
            lost = set(missing)
        if len(lost) < len(missing) and self.lookup.marker() is None:
            return dict.fromkeys(missing, "store_empty")
        return dict.fromkeys(lost, "row_missing")

    def _serve(self) -> None:
        """Read for all who wait, as long as the process lives."""
        while True:
            asks = self._next()
            ids = list(dict.fromkeys(account for ask in asks for account in ask.ids))
            outcome: Looked | Trouble
            try:
                outcome = self.look(ids)
            except Exception as error:  # of Feast, SQLite or Redis, or damage
                outcome = _trouble_of(error)
                # The kind alone: what an error says may hold an id or an address.
                if self.breaker.failures < FAILURES:
                    log.error("the online store can't be read (%s)", type(error).__name__)
            asks[0].answer.get_loop().call_soon_threadsafe(self._deliver, asks, ids, outcome)
            del asks, ids, outcome

    def _next(self) -> list[_Ask]:
        asks = [self._asks.get()]
        count = len(asks[0].ids)
        while count < MOST_IDS:
            try:
                ask = self._asks.get_nowait()
            except Empty:
                break
            asks.append(ask)
            count += len(ask.ids)
        return asks

    def _deliver(self, asks: list[_Ask], ids: list[str], outcome: Looked | Trouble) -> None:
        """Hand out what was read, on the event loop."""
        trouble = None if isinstance(outcome, Looked) else outcome
        self.breaker.note(trouble, self._clock())
        rows = {account: row for row, account in enumerate(ids)} if len(asks) > 1 else {}
        for ask in asks:
            if ask.answer.done():
                continue
            if not isinstance(outcome, Looked):
                ask.answer.set_exception(UnavailableError(outcome))
            elif len(asks) == 1:
                ask.answer.set_result(outcome)
            else:
                online = outcome.online.select([rows[account] for account in ask.ids])
                ask.answer.set_result(Looked(online, outcome.troubles))

    def _give_up(self, ask: _Ask) -> None:
        if not ask.answer.done():
            self.breaker.note("store_timeout", self._clock())
            ask.answer.set_exception(UnavailableError("store_timeout"))


def _trouble_of(error: Exception) -> Trouble:
    """Name what kept the store from answering."""
    if isinstance(error, ForeignStoreError):
        return "store_of_another"
    if isinstance(error, IntegrityError):
        return "store_damaged"
    return (
        "store_timeout" if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ else "store_unreachable"
    )
