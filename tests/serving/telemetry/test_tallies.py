"""Counters and histograms, as Prometheus' own parser reads them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from serving.telemetry.tallies import BucketCounter, LabelledCounter, exposition


def samples(metric: Metric) -> dict[str, float]:
    """Value by name and labels' values, in the order of the labels' names."""
    (family,) = text_string_to_metric_families(exposition([metric]))
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for sample in family.samples
    }


def test_a_counter_counts_by_its_labels_and_shows_those_that_are_still_0() -> None:
    tally = LabelledCounter("answers", "Answers.", ("status", "level"), [("scored", "low"), ("scored", "act")])
    tally.add("scored", "low")
    tally.add("scored", "low", amount=41)
    assert samples(tally.collect()) == {"answers_total low scored": 42, "answers_total act scored": 0}


def test_a_counter_without_labels_begins_at_0() -> None:
    tally = LabelledCounter("failures", "Failures.")
    assert samples(tally.collect()) == {"failures_total": 0}
    tally.add()
    assert samples(tally.collect()) == {"failures_total": 1}


def test_a_value_falls_into_all_buckets_whose_bound_it_does_not_exceed() -> None:
    spread = BucketCounter("age_seconds", "Age.", (1.0, 10.0))
    for value, times in ((0.5, 1), (1.0, 2), (5.0, 3), (99.0, 1)):
        spread.observe(value, times=times)
    assert samples(spread.collect()) == {
        "age_seconds_bucket 1.0": 3,
        "age_seconds_bucket 10.0": 6,
        "age_seconds_bucket +Inf": 7,
        "age_seconds_count": 7,
        "age_seconds_sum": 0.5 + 2.0 + 15.0 + 99.0,
    }


@pytest.mark.parametrize("label", ["", "route"])
def test_nothing_is_lost_where_threads_count_together(label: str) -> None:
    tally, spread = LabelledCounter("n", "N.", ("a",)), BucketCounter("s_seconds", "S.", (1.0,), label)

    def count(_: int) -> None:
        tally.add("x")
        spread.observe(0.5, label and "x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(2_000)))
    assert samples(tally.collect()) == {"n_total x": 2_000}
    assert samples(spread.collect())[f"s_seconds_count{' x' if label else ''}"] == 2_000
