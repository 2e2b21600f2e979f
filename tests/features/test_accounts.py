"""Read-outs as a whole: what they may depend on, and what not."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import features.families.history
from features.accounts import read_out
from features.catalogue import FEATURE_NAMES, FEATURES, FEATURES_SCHEMA, MODES
from features.events import request_key, to_events
from features.families.lake_sums import LakeSums
from features.lake import Lake, full_hour
from features.rollups import roll_up, roll_up_keys
from tests.conftest import cases

LakeOf = Callable[..., Lake]
TABLES = {"account_rollups": roll_up, "key_rollups": roll_up_keys}
MOMENT = timedelta(microseconds=1)
KEYS = ["prefix", "suffix", "exact", "simhash", "system", "address", "subnet", "client", "agent", "country", "words"]


def bits(features: pl.DataFrame) -> tuple[list[str], bytes]:
    """The accounts and every bit of their features, nulls told from numbers."""
    values = features.select(FEATURE_NAMES)
    return features["account_id"].to_list(), values.to_numpy().tobytes() + bytes(values.null_count().row(0))


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_each_feature_is_known_for_some_account_and_tells_accounts_apart(feature: Any, past: Any) -> None:
    values = [read[feature.name] for read in past.features.values()]
    assert len({value for value in values if value is not None}) > 1


def test_a_read_out_has_the_columns_of_the_contract_and_the_accounts_sorted(
    world: Any, lake_of: LakeOf, as_of: datetime
) -> None:
    features = read_out(lake_of([world.events], world.accounts), as_of)
    assert features.schema == FEATURES_SCHEMA
    assert features["account_id"].to_list() == sorted(set(world.events["account_id"]))
    assert features["as_of"].unique().to_list() == [as_of]
    numbers = features.select(pl.col(FEATURE_NAMES))
    assert numbers.select(pl.all().is_finite().fill_null(True).all()).row(0) == (True,) * len(FEATURE_NAMES)


def test_shares_lie_between_nothing_and_all(past: Any) -> None:
    shares = [feature.name for feature in FEATURES if feature.unit == "share" and feature.name != "topic_focus_28d"]
    unbounded = {"cached_share_28d", "reasoning_share_28d"}  # an exporter may count more cached than input tokens
    for read in past.features.values():
        values = [read[name] for name in shares if name not in unbounded and read[name] is not None]
        assert all(0 <= value <= 1 for value in values)


def test_an_empty_lake_gives_no_rows_of_the_contract(tmp_path: Path, as_of: datetime) -> None:
    features = read_out(Lake(tmp_path), as_of)
    assert features.schema == FEATURES_SCHEMA
    assert features.is_empty()


def test_before_the_first_request_there_are_no_rows(world: Any, lake_of: LakeOf, as_of: datetime) -> None:
    lake = lake_of([world.events], world.accounts)
    first = world.events["timestamp"].min()
    assert read_out(lake, first - MOMENT).is_empty()
    assert read_out(lake, first).height == 1


@pytest.mark.parametrize("minutes", [-690, 330, 840])
def test_a_time_of_another_zone_is_the_same_time(world: Any, lake_of: LakeOf, as_of: datetime, minutes: int) -> None:
    lake = lake_of([world.events], world.accounts)
    elsewhere = as_of.astimezone(timezone(timedelta(minutes=minutes)))
    assert read_out(lake, elsewhere).equals(read_out(lake, as_of))


def test_an_account_silent_for_28_days_keeps_its_row(events_of: Any, lake_of: LakeOf, as_of: datetime) -> None:
    old = {"account_id": "old", "timestamp": as_of - timedelta(days=29, hours=1)}
    features = read_out(lake_of([events_of([old, {"account_id": "new"}])]), as_of)
    assert features["account_id"].to_list() == ["new", "old"]
    assert features["requests_28d"][0] == 1
    assert features["requests_28d"][1] in (None, 0)


def test_accounts_without_registration_or_text_or_metadata_are_read(
    events_of: Any, lake_of: LakeOf, as_of: datetime
) -> None:
    features = read_out(lake_of([events_of([{}])]), as_of)
    assert features.schema == FEATURES_SCHEMA
    assert features["requests_1h"].to_list() == [1]


LACKING = {
    "no text": ["prompt", "system_prompt"],
    "no infrastructure": ["client_address", "asn", "country", "user_agent", "tls_ja4"],
}
LACKING["neither"] = [*LACKING["no text"], *LACKING["no infrastructure"]]


@pytest.mark.parametrize("mode", MODES)
def test_what_a_provider_lacks_leaves_features_unknown_and_all_others_as_they_were(
    mode: str, world: Any, requests_of: Any, keyring: Any, lake_of: LakeOf, as_of: datetime
) -> None:
    log = requests_of(60, 4_000).with_columns(request_key=request_key(keyring))
    bare = log.with_columns(pl.lit(None, log.schema[name]).alias(name) for name in LACKING[mode])
    whole, lacking = (
        read_out(lake_of([to_events(requests, keyring, source=1)[0]], world.accounts), as_of)
        for requests in (log, bare)
    )
    unknown = [name for name in FEATURE_NAMES if not lacking[name].count()]
    assert set(unknown) >= MODES[mode]
    assert bits(whole)[0] == bits(lacking)[0]
    assert lacking.drop(MODES[mode]).equals(whole.drop(MODES[mode]))


def test_delta_tables_are_read_as_frames_in_memory(
    world: Any, lake_of: LakeOf, as_of: datetime, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    for source in (1, 2, 3):
        lake.append("events", [world.events[source - 1 :: 3].with_columns(source=pl.lit(source, pl.Int64))], source)
        lake.roll_up(source)
    lake.append("accounts", [world.accounts], 4)
    lake.append("releases", [lake_of([world.events]).scan("releases").collect()], 5)
    for moment in (as_of, as_of - timedelta(days=3, minutes=7)):
        in_memory = read_out(lake_of([world.events], world.accounts), moment)
        assert bits(read_out(lake, moment)) == bits(in_memory)


@pytest.mark.parametrize("part_rows", [pytest.param(1_500, marks=pytest.mark.slow), 3_000])
def test_reading_in_parts_gives_the_same_features(
    world: Any, lake_of: LakeOf, as_of: datetime, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    lake = lake_of([world.events], world.accounts)
    whole = read_out(lake, as_of)
    monkeypatch.setattr(features.families.history, "_PART_ROWS", part_rows)
    assert len(list(features.families.history.read_histories(LakeSums(lake), as_of))) > 1
    assert bits(read_out(lake, as_of)) == bits(whole)


@pytest.mark.parametrize(
    ("part_rows", "hours_ago"), [pytest.param(1_500, 0, marks=pytest.mark.slow), (3_000, 0), (6_000_000, 75)]
)
def test_some_accounts_are_read_out_as_among_all(
    world: Any, lake_of: LakeOf, as_of: datetime, monkeypatch: pytest.MonkeyPatch, part_rows: int, hours_ago: int
) -> None:
    lake, moment = lake_of([world.events], world.accounts), as_of - timedelta(hours=hours_ago)
    whole = read_out(lake, moment)
    monkeypatch.setattr(features.families.history, "_PART_ROWS", part_rows)
    ids = whole["account_id"]
    few = (ids[:1], ids.shuffle(seed=5)[: len(ids) // 2])
    for some in few if part_rows < 6_000_000 else (*few, ids, pl.Series(["nobody"]), ids.clear()):
        among_all = whole.filter(pl.col("account_id").is_in(some.implode()))
        assert bits(read_out(lake, moment, some)) == bits(among_all)


@given(data=st.data())
@settings(max_examples=cases(20))
def test_splits_and_orders_of_the_events_change_no_bit(
    data: st.DataObject, small_world: Any, lake_of: LakeOf, whole: Any
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    parts = data.draw(st.integers(1, 5))
    events = small_world.events[rng.permutation(len(small_world.events))]
    part = rng.integers(parts, size=len(events))
    accounts = small_world.accounts[rng.permutation(len(small_world.accounts))]
    ago, features_then = data.draw(st.sampled_from(whole))
    lake = lake_of([events.filter(part == i) for i in range(parts)], accounts)
    assert bits(read_out(lake, ago)) == features_then


@pytest.fixture(scope="session")
def whole(small_world: Any, lake_of: LakeOf, as_of: datetime) -> list[tuple[datetime, Any]]:
    """Some times, and the features of the undivided events as of them."""
    lake = lake_of([small_world.events], small_world.accounts)
    times = [as_of, as_of - timedelta(days=2, minutes=40), full_hour(as_of) - timedelta(days=9)]
    return [(time, bits(read_out(lake, time))) for time in times]


class Then:
    """The small world at some times of its life: what was known, and the features read out of just that."""

    def __init__(self, world: Any, lake_of: LakeOf) -> None:
        self.world, self.lake_of = world, lake_of
        some = world.events["timestamp"].sort()[60::24].to_list()
        self.times = [*some, *[time - MOMENT for time in some[::2]], *[full_hour(time) for time in some[1::2]]]
        self.tables_at = cache(self._read_tables)

    def _read_tables(self, time: datetime) -> tuple[Any, dict[str, pl.DataFrame], pl.DataFrame, pl.DataFrame]:
        """The features, the rollups of full hours, the running hour's events, and the registrations."""
        events = self.world.events.filter(pl.col("timestamp") <= time)
        accounts = self.world.accounts.filter(pl.col("created_at") <= time)
        features = bits(read_out(self.lake_of([events], accounts), time))
        earlier = pl.col("timestamp") < full_hour(time)
        rolled = {name: roll(events.filter(earlier).lazy()).collect() for name, roll in TABLES.items()}
        return features, rolled, events.filter(~earlier), accounts

    def lake(self, time: datetime, later: pl.DataFrame, registered: pl.DataFrame) -> Lake:
        """All that was known, and more events and registrations, ingested in two parts."""
        _, rolled, running, accounts = self.tables_at(time)
        lake = self.lake_of([pl.concat([running, later])], pl.concat([registered, accounts]))
        events = pl.concat([self.world.events.filter(pl.col("timestamp") < full_hour(time)), lake.tables["events"]])
        stored = {name: pl.concat([frame, lake.tables[name]]) for name, frame in rolled.items()}
        return type(lake)(lake.root, {**lake.tables, **stored, "events": events})


@pytest.fixture(scope="session")
def then(small_world: Any, lake_of: LakeOf) -> Then:
    return Then(small_world, lake_of)


AFTER = st.one_of(
    st.just(1),
    st.integers(1, 10**6),
    st.integers(1, 3_600 * 10**6),
    st.integers(1, 40 * 86_400 * 10**6),
)
LATER_EVENT = st.tuples(AFTER, st.integers(0, 239), st.integers(0, 239), st.sampled_from([None, "new", "another"]))
LATER_ACCOUNT = st.tuples(AFTER, st.integers(0, 7), st.sampled_from([None, "new", "another"]))


@given(
    at=st.integers(0, 10**6),
    moved=st.integers(0, 10**6),
    events=st.lists(LATER_EVENT, max_size=30),
    accounts=st.lists(LATER_ACCOUNT, max_size=3, unique_by=lambda drawn: drawn[2]),
)
@settings(max_examples=cases(40))  # of many later events each, as it is the read-out that takes time
def test_no_event_or_account_after_a_time_changes_a_feature_as_of_it(
    at: int, moved: int, events: list[Any], accounts: list[Any], then: Then
) -> None:
    time = then.times[at % len(then.times)]
    world = then.world
    # what really followed, at another time and in another order; and more, like this or that request before
    followed = world.events.filter(pl.col("timestamp") > time)
    shifted = pl.col("timestamp") + timedelta(microseconds=moved)
    drawn = [
        world.events[donor].with_columns(
            world.events[keys].select(KEYS),
            timestamp=pl.lit(time + timedelta(microseconds=after)),
            account_id=pl.lit(account) if account else pl.col("account_id"),
        )
        for after, donor, keys, account in events
    ]
    later = pl.concat([followed.with_columns(shifted), *drawn]).with_columns(day=pl.col("timestamp").dt.date())
    registered = [
        world.accounts[donor].with_columns(
            created_at=pl.lit(time + timedelta(microseconds=after)),
            account_id=pl.lit(account) if account else pl.lit("a third"),
        )
        for after, donor, account in accounts
    ]
    late = world.accounts.filter(pl.col("created_at") > time)  # some of these were active before
    lake = then.lake(time, later, pl.concat([late, *registered]))
    assert bits(read_out(lake, time)) == then.tables_at(time)[0]


def test_the_look_ahead_test_would_notice_one_event_at_the_time_itself(then: Then) -> None:
    time = then.times[0]
    event = then.world.events[:1].with_columns(timestamp=pl.lit(time), day=pl.lit(time.date()))
    changed = read_out(then.lake(time, event, then.world.accounts.clear()), time)
    assert bits(changed) != then.tables_at(time)[0]
