"""What a follower measures of itself, in Prometheus' form. No series names an account, a key or a path."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipelines.follow.bodies import Taken
from pipelines.follow.follower import Refreshed

_FRESHNESS = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300)  # seconds


class Meters:
    """Counters and gauges of one follower."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._records = Counter(
            "stillwatch_events", "Records that came, by what became of them.", ["outcome"], registry=registry
        )
        self.refused = Counter("stillwatch_bodies_refused", "Bodies that were sent away unread.", registry=registry)
        self._accounts = Counter("stillwatch_accounts_refreshed", "Accounts brought online.", registry=registry)
        self._repeats = Counter("stillwatch_events_repeated", "Events that were there already.", registry=registry)
        self.waiting = Gauge("stillwatch_events_waiting", "Events that are not in the lake yet.", registry=registry)
        self._as_of = Gauge(
            "stillwatch_online_as_of_seconds", "The time of the last refresh, since 1970.", registry=registry
        )
        self.refresh_seconds = Histogram(
            "stillwatch_refresh_seconds", "How long a refresh takes.", buckets=_FRESHNESS, registry=registry
        )
        self.store_failures = Counter(
            "stillwatch_store_failures", "Stores that were put off, as another command wrote.", registry=registry
        )

    def count(self, taken: Taken) -> None:
        """Count the records of a body."""
        for outcome in ("taken", "rejected", "skipped"):
            self._records.labels(outcome).inc(getattr(taken, outcome))

    def count_refresh(self, refreshed: Refreshed) -> None:
        """Count a refresh."""
        self._accounts.inc(len(refreshed.account_ids))
        self._repeats.inc(refreshed.repeats)
        self._as_of.set(refreshed.as_of.timestamp())
