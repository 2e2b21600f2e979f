"""What the scoring endpoint measures of its answers: levels, statuses, ages, and what it could not read or note."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, get_args

from features.errors import StillwatchError
from features.store.lookup import FeatureLookup
from serving.access.audit import AuditLog
from serving.answer.messages import AccountScore, Level, Status
from serving.telemetry.tallies import BucketCounter, LabelledCounter
from training.models.model import Model

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_HOUR = 3600.0
_AGES = (60.0, 300.0, 900.0, *(_HOUR * hours for hours in (1, 4, 12, 24, 36, 48, 96, 168)))
_WITH_RISK = ("scored", "stale")
_NO_LEVEL = "none"


class ScoreMeters:
    """Counts scores by status and level, and the age of the features that they come from."""

    def __init__(self) -> None:
        levels = product(_WITH_RISK, get_args(Level))
        others = ((status, _NO_LEVEL) for status in get_args(Status) if status not in _WITH_RISK)
        self._scores = LabelledCounter(
            "stillwatch_scores", "Scores given, by status and level.", ("status", "level"), [*levels, *others]
        )
        self._ages = BucketCounter("stillwatch_feature_age_seconds", "Age of the features of scores given.", _AGES)
        self._explained = LabelledCounter("stillwatch_scores_explained", "Scores given with reasons.")
        self.store_errors = LabelledCounter(
            "stillwatch_store_errors",
            "What the online store failed at: it could not be read, or a row of it was damaged or lost.",
            ("kind",),
            [("unreadable",), ("damaged",), ("lost",)],
        )
        self._started = datetime.now(UTC)

    def count(self, scores: Sequence[AccountScore], now: datetime) -> None:
        """Count the scores of an answer; those of test accounts are left out by the caller."""
        by_level: dict[tuple[str, str], int] = {}
        by_time: dict[datetime, int] = {}
        explained = 0
        for score in scores:  # once, as this is on the path of each call
            key, time = (score.status, score.level or _NO_LEVEL), score.features_as_of
            by_level[key] = by_level.get(key, 0) + 1
            if time is not None:
                by_time[time] = by_time.get(time, 0) + 1
            explained += bool(score.reasons)
        for (status, level), count in by_level.items():
            self._scores.add(status, level, amount=count)
        for time, count in by_time.items():
            self._ages.observe((now - time).total_seconds(), times=count)
        if explained:
            self._explained.add(amount=explained)

    def collect(self, model: Model, lookup: FeatureLookup, audit: AuditLog | None) -> Iterable["Metric"]:
        """What was counted, and what holds now: of the model that scores, of the store, and of the audit log."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        yield from (self._scores.collect(), self._ages.collect(), self._explained.collect())
        yield self.store_errors.collect()
        info = GaugeMetricFamily(
            "stillwatch_model_info", "The model that scores; always 1.", labels=("name", "version", "schema_version")
        )
        info.add_metric((model.name, str(model.version), model.schema_version), 1.0)
        yield info
        for name, text, time in (
            ("model_trained", "Up to when the model that scores knows requests.", _trained_at(model)),
            ("features_as_of", "The newest time whose features were brought online.", _brought_online(lookup)),
            ("serve_start", "When the endpoint began.", self._started),
        ):
            value = float("nan") if time is None else time.timestamp()
            yield GaugeMetricFamily(f"stillwatch_{name}_timestamp_seconds", f"{text} Seconds since 1970.", value=value)
        failures = 0 if audit is None else audit.failures
        yield CounterMetricFamily(
            "stillwatch_audit_failures", "Entries that could not be put into the audit log.", value=failures
        )


def _trained_at(model: Model) -> datetime | None:
    as_of = model.origin.get("as_of")
    return None if as_of is None else datetime.fromisoformat(as_of)


def _brought_online(lookup: FeatureLookup) -> datetime | None:
    try:
        return lookup.materialized()
    except (OSError, StillwatchError):  # it is being replaced, or is damaged: `/readyz` says so
        return None
