"""Periods of hours, worked out in plain Python and by the definition."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from features.families.periods import _products, correlations

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
HOUR = timedelta(hours=1)
NAMES = ("period_strength_28d", "period_hours_28d", "day_correlation_28d", "week_correlation_28d")


def correlation(counts: list[int], lag: int) -> float | None:
    """Of one account's hours from its first on."""
    size = len(counts)
    mean = sum(counts) / size
    variance = sum((n - mean) ** 2 for n in counts) / size
    if 2 * lag > size or variance < 1e-12:
        return None
    products = [(a - mean) * (b - mean) for a, b in zip(counts, counts[lag:], strict=False)]
    return max(-1.0, min(1.0, sum(products) / len(products) / variance))


def plain(times: list[datetime], as_of: datetime) -> dict[str, float | None]:
    """The family's features of one account from its requests' times."""
    end = as_of.replace(minute=0, second=0, microsecond=0)
    ago = Counter((end - time.replace(minute=0, second=0, microsecond=0)) // HOUR for time in times if time < end)
    counts = [ago[i] for i in range(max(ago, default=0), 0, -1)]
    of = {lag: correlation(counts, lag) if counts else None for lag in (*range(25), 168)}
    if of[24] is None:
        return dict.fromkeys(NAMES)
    near = {lag: value for lag, value in of.items() if value is not None}
    peaks = {k: near[k] for k in range(2, 24) if near[k] > near[k - 1] and near[k] >= near[k + 1] and near[k] > 0}
    strength = max(peaks.values(), default=0)
    hours = next((lag for lag, value in peaks.items() if value == strength), None)
    return dict(zip(NAMES, (strength, hours, of[24], of[168]), strict=True))


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain([event["timestamp"] for event in events], past.as_of)
        assert set(want) == set(names_of("periods"))
        agree(past.features[account], want)


def test_a_job_of_every_five_hours_comes_back_every_five_hours(features_of: Read, as_of: Any) -> None:
    times = [as_of - HOUR * ago for ago in range(1, 28 * 24, 5)]
    read = features_of([{"timestamp": time} for time in times])["a"]
    assert read["period_hours_28d"] == 5
    assert read["period_strength_28d"] == pytest.approx(1, abs=0.01)
    assert read["day_correlation_28d"] < 0


def test_office_hours_come_back_after_a_day_and_more_so_after_a_week(features_of: Read, as_of: Any) -> None:
    hours = [as_of - HOUR * ago for ago in range(1, 28 * 24)]
    times = [time for time in hours if 9 <= time.hour < 17 and time.weekday() < 5]
    read = features_of([{"timestamp": time} for time in times])["a"]
    assert 0.5 < read["day_correlation_28d"] < read["week_correlation_28d"]
    assert read["week_correlation_28d"] == pytest.approx(1, abs=0.02)
    assert read["period_strength_28d"] == 0
    assert read["period_hours_28d"] is None


def test_less_than_two_days_have_no_day_and_less_than_two_weeks_no_week(features_of: Read, as_of: Any) -> None:
    is_defined = {}
    for hours in (47, 48, 335, 336):
        times = [as_of - HOUR * hours, as_of - HOUR * (hours - 3)]
        read = features_of([{"timestamp": time} for time in times])["a"]
        is_defined[hours] = {name for name in NAMES if read[name] is not None}
    assert is_defined[47] == set()
    assert is_defined[48] == is_defined[335] >= {"day_correlation_28d", "period_strength_28d"}
    assert is_defined[336] - is_defined[335] == {"week_correlation_28d"}


def test_the_same_requests_in_every_hour_have_no_period(features_of: Read, as_of: Any) -> None:
    read = features_of([{"timestamp": as_of - HOUR * ago} for ago in range(28 * 24 + 1)])["a"]
    assert {read[name] for name in NAMES} == {None}


def test_products_are_whole_and_exact_up_to_the_most_that_is_told_apart() -> None:
    counts = np.random.default_rng(0).integers(0, 65_537, (5, 672))
    counts[0] = 65_536
    exact = [[int(row[: 672 - lag] @ row[lag:]) for lag in range(169)] for row in counts]
    assert _products(counts).astype(np.int64).tolist() == exact


@pytest.mark.parametrize("parts", [2, 7, 40])
def test_no_bit_depends_on_which_accounts_are_read_together(parts: int) -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(rng.lognormal(0, 3, (40, 1)), (40, 672)).clip(0, 65_536)
    together = correlations(counts)
    apart = np.vstack([correlations(part) for part in np.array_split(counts, parts)])
    assert apart.tobytes() == together.tobytes()
