"""What a follower measures of itself, for Prometheus. No series names an account, a key or a path."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines.follow.follower_state import FollowerState
from pipelines.follow.taking.bodies import Taken
from serving.telemetry.tallies import LabelledCounter

if TYPE_CHECKING:
    from serving.access.audit import AuditLog

_Family = type[CounterMetricFamily | GaugeMetricFamily]
_OUTCOMES = ("taken", "rejected", "skipped")
_OF_STATE: dict[str, tuple[_Family, str, str]] = {
    "as_of": (
        GaugeMetricFamily,
        "follow_as_of_timestamp_seconds",
        "The time up to which all that was accepted is online, in seconds since 1970; 0 for none.",
    ),
    "regrouped": (
        GaugeMetricFamily,
        "follow_regrouped_timestamp_seconds",
        "The time of the last grouping of all accounts, in seconds since 1970; 0 for none.",
    ),
    "waiting": (GaugeMetricFamily, "follow_waiting_events", "Events that are not in the lake yet."),
    "waiting_accounts": (
        GaugeMetricFamily,
        "follow_waiting_accounts",
        "Accounts that something is new of which is not online yet.",
    ),
    "seconds": (GaugeMetricFamily, "follow_refresh_seconds", "How long the last refresh took."),
    "accounts": (CounterMetricFamily, "follow_accounts", "Accounts brought online."),
    "repeats": (CounterMetricFamily, "events_repeated", "Events that were there already."),
    "failures": (CounterMetricFamily, "follow_failures", "Refreshes that failed, as when the online store did."),
    "grouping_failures": (
        CounterMetricFamily,
        "follow_grouping_failures",
        "Groupings of all accounts that failed; they are tried again after growing pauses.",
    ),
    "store_failures": (
        CounterMetricFamily,
        "follow_store_failures",
        "Stores into the lake that were put off, as another command wrote.",
    ),
}
_APART = 1.0  # seconds between two times of acceptance that are remembered
_MOST_TIMES = 86_400  # that are remembered, a day of them: the oldest is what counts


class Queue(Protocol):
    """What waits to be reduced."""

    @property
    def waiting_bodies(self) -> int:
        """How many bodies."""

    @property
    def waiting_bytes(self) -> int:
        """Their size."""


class Meters(Collector):
    """Counts what comes in, and shows what the follower tells of itself.

    Args:
        read_state: tells it.
        audit: the log whose failures are shown; None for none.
        now: the clock, in seconds since 1970.
    """

    def __init__(
        self,
        read_state: Callable[[], FollowerState],
        audit: "AuditLog | None" = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._read_state, self._audit, self._now = read_state, audit, now
        self._records = LabelledCounter(
            "stillwatch_events",
            "Records that came, by what became of them.",
            ("outcome",),
            [(outcome,) for outcome in _OUTCOMES],
        )
        self.refused = LabelledCounter(
            "stillwatch_bodies_refused", "Bodies that took nothing, as too many waited or a disk failed."
        )
        self.queue: Queue | None = None
        self.journal_size: Callable[[], int] | None = None
        self.others: list[Callable[[], list[Metric]]] = []
        self._accepted: deque[float] = deque()
        self.registry = CollectorRegistry()
        self._lock = Lock()
        self.registry.register(self)

    def count(self, taken: Taken) -> None:
        """Count the records of a body."""
        for outcome in _OUTCOMES:
            self._records.add(outcome, amount=getattr(taken, outcome))

    def note_accepted(self) -> None:
        """Note that events are durable now, and so wait for the next refresh."""
        now = self._now()
        with self._lock:
            if self._accepted and now - self._accepted[-1] < _APART:
                return
            self._drop_refreshed(self._read_state())
            if len(self._accepted) < _MOST_TIMES:
                self._accepted.append(now)

    def lag(self, state: FollowerState) -> float:
        """Seconds since the oldest event that is not online yet was accepted; 0 for none. Up to a second too large."""
        with self._lock:
            self._drop_refreshed(state)
            return max(0.0, self._now() - self._accepted[0]) if self._accepted else 0.0

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now."""
        state = self._read_state()
        yield from (self._records.collect(), self.refused.collect())
        for name, (family, metric, text) in _OF_STATE.items():
            yield family(f"stillwatch_{metric}", text, value=getattr(state, name))
        yield GaugeMetricFamily(
            "stillwatch_follow_lag_seconds", "Age of the oldest event that is not online yet.", value=self.lag(state)
        )
        if self.queue is not None:
            for name, text, value in (
                ("bodies", "Bodies that wait to be reduced.", self.queue.waiting_bodies),
                ("bytes", "Size of the bodies that wait to be reduced.", self.queue.waiting_bytes),
            ):
                yield GaugeMetricFamily(f"stillwatch_follow_queue_{name}", text, value=value)
        if self.journal_size is not None:
            size = self.journal_size()
            yield GaugeMetricFamily("stillwatch_follow_journal_bytes", "Size of the journal.", value=size)
        for others in self.others:
            yield from others()
        failures = 0 if self._audit is None else self._audit.failures
        yield CounterMetricFamily(
            "stillwatch_audit_failures", "Entries that could not be put into the audit log.", value=failures
        )

    def _drop_refreshed(self, state: FollowerState) -> None:
        """Forget events that are online: they were durable before the time up to which all of them are.

        A time stands for the second after it too, so the newest second stays until a refresh that began later.
        """
        while self._accepted and self._accepted[0] + _APART <= state.as_of:
            self._accepted.popleft()
