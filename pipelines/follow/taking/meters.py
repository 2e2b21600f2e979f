"""What a follower measures of itself, in Prometheus' form. No series names an account, a key or a path."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines.follow.follower_state import FollowerState
from pipelines.follow.taking.bodies import Taken

_OF_STATE: dict[str, tuple[type[CounterMetricFamily | GaugeMetricFamily], str]] = {
    "as_of": (GaugeMetricFamily, "The time of the last refresh, in seconds since 1970."),
    "waiting": (GaugeMetricFamily, "Events that are not in the lake yet."),
    "seconds": (GaugeMetricFamily, "How long the last refresh took."),
    "accounts": (CounterMetricFamily, "Accounts brought online."),
    "repeats": (CounterMetricFamily, "Events that were there already."),
    "failures": (CounterMetricFamily, "Refreshes that failed."),
    "store_failures": (CounterMetricFamily, "Stores that were put off, as another command wrote."),
}


class Meters:
    """Counts what comes in, and shows what the follower tells of itself.

    Args:
        read_state: tells it.
    """

    def __init__(self, read_state: Callable[[], FollowerState]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_StateCollector(read_state))
        self._records = Counter(
            "stillwatch_events", "Records that came, by what became of them.", ["outcome"], registry=self.registry
        )
        self.refused = Counter("stillwatch_bodies_refused", "Bodies that took nothing.", registry=self.registry)

    def count(self, taken: Taken) -> None:
        """Count the records of a body."""
        for outcome in ("taken", "rejected", "skipped"):
            self._records.labels(outcome).inc(getattr(taken, outcome))


class _StateCollector(Collector):
    """Shows the follower's state as it is when somebody asks."""

    def __init__(self, read_state: Callable[[], FollowerState]) -> None:
        self._read_state = read_state

    def collect(self) -> list[Metric]:
        state = self._read_state()
        return [
            family(f"stillwatch_follow_{name}", text, value=getattr(state, name))
            for name, (family, text) in _OF_STATE.items()
        ]
