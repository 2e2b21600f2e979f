"""Counters and histograms of one process, which Prometheus reads.

They are plain numbers: those of `prometheus_client` would write a file at each step in a process of BentoML, and would
have to be imported after BentoML has set that up.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric


@dataclass
class LabelledCounter:
    """A counter by labels. Whoever adds takes the labels' values from a short list: each value is a series.

    Attributes:
        name: without `_total`.
        text: what it counts.
        labels: their names.
        shown: values of labels that are shown from the start, as 0.
    """

    name: str
    text: str
    labels: tuple[str, ...] = ()
    shown: Iterable[tuple[str, ...]] = ()
    _values: dict[tuple[str, ...], float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._values = dict.fromkeys(self.shown if self.labels else [()], 0.0)

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Add to the counter of these labels."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0.0) + amount

    def collect(self) -> "Metric":
        """The counter as Prometheus reads it."""
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        with self._lock:
            for labels, value in self._values.items():
                family.add_metric(labels, value)
        return family


@dataclass
class BucketCounter:
    """A histogram by at most one label.

    Attributes:
        name: with its unit.
        text: what it measures.
        bounds: upper bounds of the buckets, rising, without infinity.
        label: its name; empty for none.
    """

    name: str
    text: str
    bounds: tuple[float, ...]
    label: str = ""
    _counts: dict[str, list[int]] = field(default_factory=dict)
    _sums: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if not self.label:
            self._start("")

    def observe(self, value: float, label: str = "", times: int = 1) -> None:
        """Note a value, or the same value several times."""
        with self._lock:
            if label not in self._sums:
                self._start(label)
            self._counts[label][bisect_left(self.bounds, value)] += times
            self._sums[label] += value * times

    def collect(self) -> "Metric":
        """The histogram as Prometheus reads it."""
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(self.name, self.text, labels=(self.label,) if self.label else ())
        with self._lock:
            for label, counts in self._counts.items():
                buckets, total = [], 0
                for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                    total += count
                    buckets.append((bound, total))
                family.add_metric((label,) if self.label else (), buckets, self._sums[label])
        return family

    def _start(self, label: str) -> None:
        self._counts[label] = [0] * (len(self.bounds) + 1)
        self._sums[label] = 0.0


def exposition(metrics: Iterable["Metric"]) -> str:
    """Metrics in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    listed = list(metrics)

    class Listed(Collector):
        def collect(self) -> list["Metric"]:
            return listed

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Listed())
    return generate_latest(registry).decode()
