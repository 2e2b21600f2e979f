"""Who is scored now, and who is asked to come again: limits on calls, accounts and bytes at a time, and on each key."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

MOST_CALLS = 64
"""Calls that are scored at a time at most, by default. A call of one account takes about a millisecond, so the last of
them waits for less than `WAIT_SECONDS`. Doubled, more calls that arrive in one moment are taken."""

WAIT_SECONDS = 0.1
"""How long the last call that is taken should wait. Doubled, it waits twice as long for its answer, and no more calls
are answered; a tenth of it, and the processor would have nothing to do between two calls of a sender."""

LEAST_CALLS = 16
"""Calls that are scored at a time, however long they take: one sender's usual burst, which shares a read of the store.
Doubled, the last of them waits twice as long on a slow machine."""

SMALL_CALL = 20  # accounts below which a call tells how long others wait; a large one takes long by itself
_WEIGHT = 0.1  # of one call's measure in the limit: doubled, it follows within five calls instead of ten

MOST_ACCOUNTS = 32_000
"""Accounts that are scored at a time: some two seconds of work."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of bodies that are held at a time. Doubled, hostile senders could fill twice the memory."""

RETRY_SECONDS = 1
TOO_MANY_CALLS = "too many calls at a time"
_MOST_KEYS = 10_000  # whose pace is remembered; the one that was not seen for longest is dropped


class OverloadError(Exception):
    """A call that comes at a bad time; `wait` is the number of seconds after which it may come again."""

    def __init__(self, message: str, wait: int = RETRY_SECONDS) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass
class Admission:
    """Counts what is under way, on the event loop alone.

    By Little's law (1961) calls wait as long as so many are answered, so the limit on calls is `WAIT_SECONDS` times the
    pace of the answers: on a machine that is busy, or while the store is slow, fewer are taken, and all others are told
    to come again at once. Each small call measures the pace by what was under way when it came and how long it took
    (as the limits on concurrency of Netflix do, 2018).

    Attributes:
        most_calls, most_accounts, most_bytes: the limits.
        clock: gives the time in seconds.
        calls, accounts, held_bytes: what is under way.
        refused: how many calls were asked to come again.
        whole_calls: calls that are here with their whole body and not answered yet, those included that will be counted
            in a moment: many may arrive in one turn of the event loop. Slow senders are not among them.
    """

    most_calls: int = MOST_CALLS
    most_accounts: int = MOST_ACCOUNTS
    most_bytes: int = MOST_BYTES
    clock: Callable[[], float] = monotonic
    calls: int = 0
    accounts: int = 0
    held_bytes: int = 0
    refused: int = 0
    whole_calls: int = 0

    def __post_init__(self) -> None:
        self._limit = float(self.most_calls)

    @property
    def limit(self) -> int:
        """How many calls may be under way now."""
        return round(self._limit)

    def check(self) -> None:
        """Look whether another call may come, before its body is read.

        Raises:
            OverloadError: it may not.
        """
        if self.calls >= self.limit:
            raise self._refusal(TOO_MANY_CALLS)

    @contextmanager
    def admitted(self, accounts: int) -> Iterator[None]:
        """Count a call of some accounts while the block runs; one alone is always admitted.

        Raises:
            OverloadError: too much is under way.
        """
        self.check()
        if self.calls and self.accounts + accounts > self.most_accounts:
            raise self._refusal("too many accounts at a time")
        self.calls += 1
        self.accounts += accounts
        calls, begin = self.calls, self.clock()
        try:
            yield
        finally:
            self.calls -= 1
            self.accounts -= accounts
            if accounts < SMALL_CALL:
                self._adapt(calls, self.clock() - begin)

    def _adapt(self, calls: int, seconds: float) -> None:
        """Move the limit towards what a call says that came as one of so many, and took so long."""
        fitting = calls * WAIT_SECONDS / max(seconds, 1e-6)
        least = min(LEAST_CALLS, self.most_calls)
        self._limit += _WEIGHT * (min(max(fitting, least), self.most_calls) - self._limit)

    @contextmanager
    def holding(self) -> Iterator["HeldBytes"]:
        """Count the bytes of a body while the block runs."""
        held = HeldBytes(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.count

    def _refusal(self, message: str) -> OverloadError:
        self.refused += 1
        return OverloadError(message)


@dataclass
class HeldBytes:
    """The bytes of one body.

    Attributes:
        admission: what counts them all.
        count: how many they are so far.
    """

    admission: Admission
    count: int = 0

    def add(self, size: int) -> None:
        """Count some more.

        Raises:
            OverloadError: too many bytes of all bodies are held.
        """
        self.count += size
        self.admission.held_bytes += size
        if self.admission.held_bytes > self.admission.most_bytes:
            self.admission.refused += 1
            raise OverloadError("too many bytes of bodies at a time")


class KeyRates:
    """Keeps each access key to so many calls a second, as many of them at once (a token bucket); memory is bounded.

    Args:
        rate: calls a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate, self._most = rate, max(1.0, rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> None:
        """Count one call of a key.

        Raises:
            OverloadError: it has called too often.
        """
        left, then = self._buckets.get(key, (self._most, now))
        left = min(self._most, left + (now - then) * self._rate)
        if left < 1.0:
            raise OverloadError("too many calls of this key", max(1, round((1.0 - left) / self._rate)))
        self._buckets[key] = (left - 1.0, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
