"""The set of requests that are there already."""

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines.follow.freshness.request_keys import RequestKeys

ROWS = st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), max_size=30)


def events(rows: list[tuple[int, int]]) -> pl.DataFrame:
    times = [datetime(2026, 1, 1) + timedelta(hours=hour) for _, hour in rows]
    keys = [key for key, _ in rows]
    return pl.DataFrame({"request_key": keys, "timestamp": times}, {"request_key": pl.Int64, "timestamp": pl.Datetime})


@given(there=ROWS, sent=ROWS)
def test_of_each_new_key_the_earliest_event_stays_and_of_equals_the_first(
    there: list[tuple[int, int]], sent: list[tuple[int, int]]
) -> None:
    keys = RequestKeys()
    for begin in range(0, len(there), 7):
        keys.add(events(there[begin : begin + 7])["request_key"])
    old = {key for key, _ in there}
    assert len(keys) == len(old)
    expected = [
        row for i, row in enumerate(sent)
        if row[0] not in old and (row[1], i) == min((hour, j) for j, (key, hour) in enumerate(sent) if key == row[0])
    ]  # fmt: skip
    assert keys.first_of(events(sent)).equals(events(expected))
