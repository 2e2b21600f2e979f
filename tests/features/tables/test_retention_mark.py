"""The mark of dropped events: what can't be answered exactly any more is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError
from features.tables.retention_mark import check_held, mark_dropped

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_a_time_within_an_hour_of_which_the_events_were_dropped_is_refused(tmp_path: Path) -> None:
    check_held(tmp_path, NINE - HOUR, NINE - MINUTE)
    mark_dropped(tmp_path, NINE)
    with pytest.raises(InputError, match="events before 2026-06-01T09:00:00Z were dropped, so 2026-06-01T08:59:00Z"):
        check_held(tmp_path, NINE - HOUR, NINE - MINUTE)
    check_held(tmp_path, NINE - HOUR, NINE - HOUR)
    check_held(tmp_path, NINE, NINE + MINUTE)


def test_an_earlier_mark_does_not_bring_events_back(tmp_path: Path) -> None:
    mark_dropped(tmp_path, NINE)
    mark_dropped(tmp_path, NINE - 5 * HOUR)
    with pytest.raises(InputError, match="events before 2026-06-01T09:00:00Z were dropped"):
        check_held(tmp_path, NINE - HOUR, NINE - MINUTE)


def test_a_damaged_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_events_from").write_text("never")
    with pytest.raises(IntegrityError, match="_events_from is damaged"):
        check_held(tmp_path, NINE, NINE)
