"""The lake on real Delta tables."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from features.errors import IntegrityError
from features.lake import HISTORY, TABLES, WHOLE_LIFE, Lake, full_hour
from features.rollups import roll_up, roll_up_keys

Make = Callable[[list[dict[str, Any]]], pl.DataFrame]
BY = ["account_id", "hour"]
KEY_BY = ["kind", "key", "account_id", "hour"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "a läke")  # a name that a URL writes otherwise


def at(hour: int, minute: int = 0, second: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 6, day, hour, minute, second, tzinfo=UTC)


def sourced(events: pl.DataFrame, source: int) -> pl.DataFrame:
    return events.with_columns(pl.lit(source, pl.Int64).alias("source"))


def ingest(lake: Lake, events: pl.DataFrame, source: int) -> None:
    lake.append("events", [sourced(events, source)], source)
    lake.roll_up(source)


def test_an_empty_lake_has_every_table_without_rows(lake: Lake) -> None:
    for table, contract in TABLES.items():
        frame = lake.scan(table).collect()
        contract.validate(frame)
        assert len(frame) == 0
        assert not lake.has(table, 1)
    assert len(lake.seen(at(12))) == 0
    assert lake.later(at(12)) == {"events": 0, "accounts": 0, "enforcement": 0, "releases": 0, "aliases": 0}
    lake.catch_up()
    assert not lake.root.exists()


def test_what_is_appended_is_read_back_as_it_was(lake: Lake, world: Any) -> None:
    half = len(world.events) // 2
    lake.append("events", [world.events[:half], world.events[half:]], 1)
    assert lake.scan("events").sort("request_key").collect().equals(world.events.sort("request_key"))
    assert lake.has("events", 1)
    assert not lake.has("events", 2)
    assert not lake.has("accounts", 1)


def test_an_input_is_appended_once_and_its_frames_are_not_even_asked_for_again(lake: Lake, events_of: Make) -> None:
    def untouchable() -> Iterator[pl.DataFrame]:
        raise AssertionError("asked for")
        yield

    lake.append("events", [events_of([{}, {}])], 7)
    lake.append("events", untouchable(), 7)
    assert len(lake.scan("events").collect()) == 2


@pytest.mark.parametrize("before", [0, 1])
def test_an_append_that_breaks_off_leaves_the_table_untouched(lake: Lake, events_of: Make, before: int) -> None:
    for source in range(before):
        lake.append("events", [events_of([{"account_id": "old"}])], source)

    def broken() -> Iterator[pl.DataFrame]:
        yield events_of([{"account_id": "new"}] * 100)
        raise RuntimeError("the file breaks off here")

    with pytest.raises(Exception, match="the file breaks off here"):
        lake.append("events", broken(), 99)
    assert lake.scan("events").collect()["account_id"].to_list() == ["old"] * before
    assert not lake.has("events", 99)
    lake.append("events", [events_of([{"account_id": "new"}])], 99)
    assert sorted(lake.scan("events").collect()["account_id"]) == ["new"] + ["old"] * before


def test_an_input_without_rows_is_remembered(lake: Lake, events_of: Make) -> None:
    lake.append("events", [events_of([])], 5)
    lake.append("releases", [], 6)
    assert lake.has("events", 5)
    assert lake.has("releases", 6)
    assert len(lake.scan("events").collect()) == 0


def test_events_are_partitioned_by_their_day(lake: Lake, events_of: Make) -> None:
    lake.append("events", [events_of([{"timestamp": at(23, 59)}, {"timestamp": at(0, day=2)}])], 1)
    assert sorted(lake.scan("events").collect()["day"]) == [date(2026, 6, 1), date(2026, 6, 2)]
    assert {folder.name for folder in (lake.root / "events").glob("day=*")} == {"day=2026-06-01", "day=2026-06-02"}


@pytest.mark.parametrize("as_of", [at(9), at(9, 30), at(10), at(10, 0, 1), at(10, 20, 30), at(10, 59, 59), at(11)])
def test_rollups_as_of_a_time_are_those_of_the_events_up_to_it(lake: Lake, events_of: Make, as_of: datetime) -> None:
    times = [at(8), at(9), at(9, 59), at(10), at(10, 20, 30), at(10, 20, 31), at(10, 59), at(11), at(12)]
    events = events_of(
        [{"timestamp": time, "prefix": i % 2, "account_id": "ab"[i % 2]} for i, time in enumerate(times)]
    )
    ingest(lake, events[::2], 1)
    ingest(lake, events[1::2], 2)
    events_until = events.filter(pl.col("timestamp") <= as_of).lazy()
    assert lake.account_rollups(as_of).sort(BY).collect().equals(roll_up(events_until).sort(BY).collect())
    added = lake.key_rollups(as_of).group_by(KEY_BY).agg(pl.col("requests").sum()).sort(KEY_BY).collect()
    assert added.equals(roll_up_keys(events_until).sort(KEY_BY).collect())


def test_an_event_at_the_very_time_is_known_and_one_a_microsecond_later_is_not(lake: Lake, events_of: Make) -> None:
    moment = at(10, 20, 30)
    later = moment + timedelta(microseconds=1)
    ingest(lake, events_of([{"timestamp": moment}, {"timestamp": later, "account_id": "b"}]), 1)
    assert lake.account_rollups(moment).collect()["requests"].to_list() == [1]
    assert lake.seen(moment)["account_id"].to_list() == ["a"]
    assert lake.seen(later)["account_id"].to_list() == ["a", "b"]
    assert lake.seen(moment - timedelta(microseconds=1)).is_empty()


def test_rollups_reach_back_28_days_and_no_further(lake: Lake, events_of: Make) -> None:
    as_of = at(10, 30, day=30)
    oldest = full_hour(as_of) - timedelta(days=28)
    ingest(lake, events_of([{"timestamp": oldest - timedelta(microseconds=1)}, {"timestamp": oldest}]), 1)
    assert lake.account_rollups(as_of).collect()["hour"].to_list() == [oldest]
    assert lake.key_rollups(as_of).collect()["hour"].unique().to_list() == [oldest]


def test_an_account_is_seen_from_its_first_hour_to_its_last_however_long_ago(lake: Lake, events_of: Make) -> None:
    times = {"old": [at(3, 4)], "both": [at(1, 59), at(10, 7, day=30)], "future": [at(10, 31, day=30)]}
    rows = [{"account_id": account, "timestamp": time} for account, some in times.items() for time in some]
    ingest(lake, events_of(rows), 1)
    assert lake.seen(at(10, 30, day=30)).rows() == [("both", at(1), at(10, day=30)), ("old", at(3), at(3))]


def test_catching_up_rolls_up_what_a_killed_run_left(lake: Lake, world: Any, tmp_path: Path) -> None:
    thirds = [world.events[i::3] for i in range(3)]
    undisturbed = Lake(tmp_path / "undisturbed")
    for source, events in enumerate(thirds):
        ingest(undisturbed, events, source)
    ingest(lake, thirds[0], 0)
    lake.append("events", [sourced(thirds[1], 1)], 1)  # killed before either rollup
    lake.append("events", [sourced(thirds[2], 2)], 2)  # killed between the two
    some = lake.scan("events").filter(pl.col("source") == 2)
    lake.append("account_rollups", [roll_up(some).collect()], 2)
    for _ in range(2):
        lake.catch_up()
        for table, by in (("account_rollups", BY), ("key_rollups", KEY_BY)):
            want = undisturbed.scan(table).sort(pl.all().exclude("slots", "topic")).collect()
            assert lake.scan(table).sort(pl.all().exclude("slots", "topic")).collect().equals(want), by


def test_later_counts_what_became_known_after_the_time(lake: Lake, events_of: Make, account_rows_of: Make) -> None:
    lake.append("events", [events_of([{"timestamp": at(h)} for h in (9, 10, 11, 12)])], 1)
    registered = [{"account_id": str(h), "created_at": at(h)} for h in (9, 10, 11)]
    lake.append("accounts", [account_rows_of(registered)], 2)
    acted = pl.DataFrame({"account_id": ["a"], "action": ["ban"], "acted_at": [at(11)]})
    lake.append("enforcement", [acted], 3)
    assert lake.later(at(10)) == {"events": 2, "accounts": 1, "enforcement": 1, "releases": 0, "aliases": 0}
    assert set(lake.accounts(at(10))["account_id"]) == {"9", "10"}


def test_banned_is_who_was_not_restored_since_and_nobody_before_the_ban_is_known(lake: Lake) -> None:
    acts = [("a", "ban", 1), ("a", "restore", 2), ("a", "ban", 3), ("b", "restore", 1), ("b", "ban", 2)]
    acts += [
        ("a", "ban", 5),
        ("c", "ban", 1),
        ("c", "restore", 2),
        ("d", "throttle", 1),
        ("e", "restore", 2),
        ("e", "ban", 2),
    ]
    rows = [(account, action, at(hour)) for account, action, hour in acts]
    schema = {"account_id": pl.String, "action": pl.String, "acted_at": pl.Datetime("us", "UTC")}
    lake.append("enforcement", [pl.DataFrame(rows, schema, orient="row")], 1)
    assert lake.banned(at(6)).rows() == lake.banned(at(4)).rows()
    assert lake.banned(at(4)).rows() == [("a", at(3)), ("b", at(2)), ("e", at(2))]
    assert lake.banned(at(2))["account_id"].to_list() == ["b", "e"]
    assert lake.banned(at(1))["account_id"].to_list() == ["a", "c"]
    assert not len(lake.banned(at(0)))


def test_a_stamp_that_bans_belong_to_changes_with_them_and_that_of_features_does_not(lake: Lake) -> None:
    acted = pl.DataFrame({"account_id": ["a"], "action": ["ban"], "acted_at": [at(9)]})
    before = lake.stamp(at(12)), lake.stamp(at(12), "enforcement")
    lake.append("enforcement", [acted], 3)
    assert lake.stamp(at(12)) == before[0]
    assert lake.stamp(at(12), "enforcement") != before[1]


def test_the_stamp_changes_when_something_is_appended_that_features_are_read_from(
    lake: Lake, events_of: Make, account_rows_of: Make
) -> None:
    stamps = [lake.stamp(at(12))]
    ingest(lake, events_of([{}]), 1)
    stamps.append(lake.stamp(at(12)))
    lake.append("account_rollups", [roll_up(events_of([{}]).lazy()).collect()], 2)
    stamps.append(lake.stamp(at(12)))
    lake.append("key_rollups", [roll_up_keys(events_of([{}]).lazy()).collect()], 2)
    stamps.append(lake.stamp(at(12)))
    lake.append("accounts", [account_rows_of([{"account_id": "a"}])], 3)
    stamps.append(lake.stamp(at(12)))
    lake.append("releases", [pl.DataFrame({"model": [7], "released_at": [at(9)]})], 4)
    stamps.append(lake.stamp(at(12)))
    assert len(set(stamps)) == 6
    ingest(lake, events_of([{}]), 1)
    assert lake.stamp(at(12)) == stamps[-1] == Lake(lake.root).stamp(at(12))


def test_what_lies_after_a_time_leaves_the_stamp_of_that_time_alone(
    lake: Lake, events_of: Make, account_rows_of: Make
) -> None:
    ingest(lake, events_of([{"timestamp": at(9)}]), 1)
    before, after = lake.stamp(at(10)), lake.stamp(at(23))
    ingest(lake, events_of([{"timestamp": at(12)}]), 2)
    lake.append("accounts", [account_rows_of([{"account_id": "a", "created_at": at(12)}])], 3)
    lake.append("releases", [pl.DataFrame({"model": [7], "released_at": [at(12)]})], 4)
    assert lake.stamp(at(10)) == before
    assert lake.stamp(at(23)) != after


@pytest.mark.parametrize(
    ("columns", "difference"),
    [
        (["source", "row"], "lacks rule, table"),
        (["source", "table", "row", "rule", "size"], "still has size"),
        (["source", "size"], "lacks row, rule, table and still has size"),
    ],
)
def test_a_table_of_an_older_version_is_refused_with_what_is_other(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, columns: list[str], difference: str
) -> None:
    older = type("Older", (dy.Schema,), {name: dy.Int64() for name in columns})
    with monkeypatch.context() as then:
        then.setitem(TABLES, "rejects", older)
        lake.append("rejects", [pl.DataFrame({name: [1] for name in columns})], 1)
    with pytest.raises(IntegrityError, match=f"older version and {difference}: run `stillwatch migrate`"):
        lake.scan("rejects")


def test_a_damaged_table_is_refused_by_name(lake: Lake, events_of: Make) -> None:
    lake.append("events", [events_of([{}])], 1)
    for log in (lake.root / "events" / "_delta_log").glob("*.json"):
        log.write_text("not json")
    with pytest.raises(IntegrityError, match=r"events/_delta_log/0+\.json is damaged: restore"):
        lake.scan("events")


def test_the_whole_life_holds_what_the_longest_window_has_left_behind(lake: Lake, events_of: Make) -> None:
    now = at(12, 30)
    ages = [timedelta(days=400), HISTORY + timedelta(hours=1), timedelta(days=3), timedelta(minutes=5)]
    later = -timedelta(minutes=5)
    ingest(lake, events_of([{"timestamp": now - age, "prefix": 8} for age in [*ages, later]]), 1)
    for rollups in (lake.account_rollups, lake.key_rollups):
        prefixes = pl.col("kind") == 0 if rollups == lake.key_rollups else True
        counts = [
            rollups(now, history).filter(prefixes).collect()["requests"].sum() for history in (HISTORY, WHOLE_LIFE)
        ]
        assert counts == [2, 4]
    assert rollups(datetime(1970, 1, 1, tzinfo=UTC), WHOLE_LIFE).collect().is_empty()
