"""Times of every spelling become UTC where they say their zone, and are lost where they don't."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intake.values.reading import LogOptions
from features.intake.values.times import read_time

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECONDS = 1_777_636_800  # of NOON


def read(values: list[Any], dtype: Any = None, *, assume_utc: bool = False) -> tuple[list[Any], list[str]]:
    """The times, and the rules that any of the values breaks."""
    series = pl.Series("t", values, dtype=dtype)
    reading = read_time(series, LogOptions(assume_utc=assume_utc))
    frame = series.to_frame()
    lost = frame.select(pl.lit(False).alias(""), **reading.lost)
    broken = [rule.partition("|")[2] for rule in lost.columns if lost[rule].fill_null(False).any()]
    return frame.select(reading.value)["t"].to_list(), broken or [reading.problem.partition("|")[2]]


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T12:00:00Z", "2026-05-01T12:00:00.000000Z", "2026-05-01 12:00:00 UTC", "2026-05-01T12:00:00+00:00",
        "2026-05-01T12:00:00-0000", "2026-05-01t12:00:00z", "2026-05-01 12:00:00,000+00", "2026-05-01T12:00Z",
        "2026-05-01T14:00:00+02:00", "2026-05-01T17:45:00+0545", "2026-05-01T05:00:00-07",
        "2026-05-01T14:00:00+02:00[Europe/Berlin]", " 2026-05-01T12:00:00 GMT ", "2026-05-01T12:00:00 Etc/UTC",
        "20260501T120000Z", "20260501T140000.0+0200", "1777636800", "1777636800.0",
        "1777636800000", "1777636800000000", "1777636800000000000", "1.7776368e18", "1.7776368E+18",
    ],
)  # fmt: skip
@pytest.mark.parametrize("others", [[], ["2026-05-01T12:00:00+01:00"]])
def test_a_text_that_says_its_zone_or_counts_from_1970_is_read(text: str, others: list[str]) -> None:
    times, broken = read([text, None, *others])
    assert times[:2] == [NOON, None]
    assert broken == [""]


@pytest.mark.parametrize(
    ("number", "dtype"),
    [
        (SECONDS, pl.Int64), (SECONDS, pl.UInt32), (SECONDS * 10**3, pl.Int64), (SECONDS * 10**6, pl.UInt64),
        (SECONDS * 10**9, pl.Int64), (float(SECONDS), pl.Float64), (SECONDS * 1e3, pl.Float64),
    ],
)  # fmt: skip
def test_a_number_since_1970_is_read_by_its_magnitude(number: float, dtype: Any) -> None:
    assert read([number, None], dtype) == ([NOON, None], [""])


@pytest.mark.parametrize("words", [["", "-", "null"], ["", "2026-05-01T12:00:00Z"], ["n/a", "1777636800"]])
def test_a_word_for_nothing_is_no_time_and_nothing_is_lost(words: list[str]) -> None:
    times, broken = read(words)
    assert (times[0], times[-1], broken) == (None, NOON if words[-1][0].isdigit() else None, [""])


def test_fractions_of_seconds_stay() -> None:
    assert read([SECONDS + 0.25])[0] == [NOON + timedelta(seconds=0.25)]
    assert read(["2026-05-01T12:00:00.123456789Z", "x"])[0][0] == NOON + timedelta(microseconds=123_456)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "+00:00", "Asia/Tokyo"])
def test_a_stored_time_of_any_zone_and_unit_is_read(unit: Any, zone: str) -> None:
    stored = pl.Series("t", [NOON, None]).dt.convert_time_zone(zone).dt.cast_time_unit(unit)
    assert read(stored.to_list(), stored.dtype) == ([NOON, None], [""])


@pytest.mark.parametrize(
    "values", [["2026-05-01T12:00:00"], ["2026-05-01"], [datetime(2026, 5, 1)], [date(2026, 5, 1)]]
)
def test_a_time_without_a_zone_is_utc_only_if_a_person_says_so(values: list[Any]) -> None:
    assert read(values)[1] == ["zone"]
    times, broken = read(values, assume_utc=True)
    assert times[0].date() == NOON.date()
    assert broken == [""]


@pytest.mark.parametrize(
    ("values", "dtype", "rule"),
    [
        ([2**63 - 1], pl.Datetime("ms", "UTC"), "range"),
        ([2**63 - 1], pl.Datetime("us", "UTC"), "range"),
        ([-(2**63) + 1], pl.Datetime("ns", "UTC"), "range"),
        ([2**63 - 1], pl.Int64, "range"),
        ([2**64 - 1], pl.UInt64, "range"),
        ([-1], pl.Int64, "range"),
        ([float("nan")], pl.Float64, "range"),
        ([float("inf")], pl.Float64, "range"),
        ([1e300], pl.Float64, "range"),
        (["1969-12-31T23:59:59Z"], pl.String, "range"),
        (["2200-01-01T00:00:00Z"], pl.String, "range"),
        (["99999999999999999999999"], pl.String, "range"),
        (["last Friday"], pl.String, "time"),
        (["2026-02-30T00:00:00Z"], pl.String, "time"),
        (["05/01/2026 12:00:00"], pl.String, "time"),
        ([True], pl.Boolean, "type"),
        ([[1]], pl.List(pl.Int64), "type"),
    ],
)
def test_what_is_no_time_of_a_log_is_lost_and_said(values: list[Any], dtype: Any, rule: str) -> None:
    assert read(values, dtype) == ([None], [rule])


@given(st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)), st.integers(-14 * 60, 14 * 60))
@settings(max_examples=150, deadline=None)
def test_every_time_is_the_same_however_it_is_written(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=UTC)
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    texts = [f"{naive.isoformat()}Z", local.isoformat(), local.isoformat(" "), f"{naive.isoformat()} UTC"]
    assert read(texts) == ([moment] * 4, [""])
