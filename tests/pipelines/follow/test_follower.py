"""The follower: what is online is what a build would give, and every accepted event is in the lake once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURE_NAMES
from features.errors import InputError
from features.rollups import roll_up_keys
from features.schemas import KEY_KINDS
from features.tables.journal import Journal, JournalReader
from pipelines.build import ensure_features
from pipelines.campaigns.lifts import JOINABLE_SCHEMA
from pipelines.follow.follower import Follower
from pipelines.follow.follower_state import JOURNAL
from pipelines.workspace import Workspace
from tests.pipelines.follow.conftest import AS_OF

NewWorkspace = Callable[..., Workspace]
EVERYTHING = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def silent(step: str, done: float) -> None:
    """No progress."""


class Followed:
    """A follower, and the writing end of its journal."""

    def __init__(self, workspace: Workspace) -> None:
        self.follower = Follower(workspace)
        self.follower.recover()
        self.journal = Journal(workspace.root / JOURNAL, is_synced=False)
        self.refresh, self.touch = self.follower.refresh, self.follower.touch

    def accept(self, events: pl.DataFrame) -> None:
        self.journal.append(events)

    def store(self) -> int:
        self.journal.close_segment()
        return self.follower.store()


def started(workspace: Workspace) -> Followed:
    return Followed(workspace)


def ingested(workspace: Workspace, events: pl.DataFrame, source: int) -> None:
    """What another command stores."""
    workspace.lake.append("events", [events.with_columns(source=pl.lit(source, pl.Int64))], source)
    workspace.lake.roll_up(source)


def built(workspace: Workspace, events: pl.DataFrame, accounts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The features that a full build gives for these events in a workspace of their own."""
    workspace.lake.append("accounts", [accounts], 99)
    ingested(workspace, events, 1)
    ensure_features(workspace, [now], silent)
    return workspace.lookup.read(now)


def online(workspace: Workspace, account_ids: list[str]) -> tuple[bytes, list[datetime | None]]:
    rows = workspace.lookup.online(account_ids)
    return rows.matrix.tobytes(), rows.as_of


def matrix(features: pl.DataFrame) -> bytes:
    return np.ascontiguousarray(features.select(pl.col(FEATURE_NAMES).fill_null(np.nan)).to_numpy()).tobytes()


@EVERYTHING
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(st.sampled_from(["follow", "ingest", "repeat", "store", "kill"]), min_size=3, max_size=8),
)
def test_after_any_interleaving_what_is_online_equals_a_full_build(
    new_workspace: NewWorkspace, world: Any, seed: int, steps: list[str]
) -> None:
    rng = np.random.default_rng(seed)
    workspace, now = new_workspace(), AS_OF - timedelta(hours=int(rng.integers(0, 300)))
    workspace.lake.append("accounts", [world.accounts], 99)
    follower = started(workspace)
    parts = rng.integers(0, len(steps), len(world.events))  # late ones too
    for i, step in enumerate(steps):
        events = world.events.filter(parts == i)
        if step == "ingest":
            ingested(workspace, events, 100 + i)
        else:
            follower.accept(events)
        if step == "repeat":
            follower.accept(world.events.filter(parts <= i).sample(fraction=0.5, seed=i))
        if step == "store":
            follower.store()
        if step == "kill":
            follower.journal.close_segment()  # what the lock of a process that is gone tells
            follower = started(workspace)
    sent = world.events.filter(parts < len(steps))
    follower.refresh(now - timedelta(days=2))
    follower.touch(world.accounts["account_id"])
    follower.refresh(now)
    whole = built(new_workspace(), sent, world.accounts, now)
    assert online(workspace, whole["account_id"].to_list()) == (matrix(whole), [now] * len(whole))
    follower.store()
    stored = workspace.lake.scan("events").select("request_key").collect()["request_key"]
    assert sorted(stored) == sorted(sent["request_key"])


def test_only_the_accounts_that_something_is_new_of_are_read_out(new_workspace: NewWorkspace, world: Any) -> None:
    workspace = new_workspace()
    ingested(workspace, world.events, 1)
    follower = started(workspace)
    assert follower.refresh(AS_OF).account_ids.is_empty()
    event = world.events.sort("timestamp")[-1:].with_columns(request_key=pl.lit(1, pl.Int64))
    follower.accept(event)
    done = follower.refresh(AS_OF)
    assert (len(done.account_ids), done.events, done.repeats) == (1, 1, 0)
    account = event["account_id"][0]
    assert workspace.lookup.online([account, "nobody"]).as_of == [AS_OF, None]
    follower.accept(event)
    assert follower.refresh(AS_OF).repeats == 1
    assert not follower.follower.is_online_whole()  # one account is
    ensure_features(workspace, [AS_OF], silent)
    assert workspace.lookup.materialize(AS_OF, now=AS_OF)
    assert follower.follower.is_online_whole()


def test_of_more_accounts_than_a_refresh_takes_each_has_its_turn_before_one_has_two(
    new_workspace: NewWorkspace, world: Any
) -> None:
    workspace, second = new_workspace(), timedelta(seconds=1)
    follower = started(workspace)
    assert follower.refresh(AS_OF - second).whole_at == AS_OF - second
    turns, waiting, whole = [], [], []
    for turn in range(3):
        at = pl.lit(AS_OF + turn * second).cast(pl.Datetime("us", "UTC"))
        key = pl.col("request_key") + turn + 1  # all accounts send again and again
        follower.accept(world.events.with_columns(timestamp=at, day=at.dt.date(), request_key=key))
        refreshed = follower.follower.refresh(AS_OF + turn * second, most=3)
        turns += refreshed.account_ids.to_list()
        waiting.append(refreshed.waiting)
        whole.append(refreshed.whole_at)
    ids = world.events["account_id"].unique().sort().to_list()
    assert sorted(turns) == sorted([*ids, ids[0]])
    assert waiting == [5, 5, 5]
    assert whole == [AS_OF - second, AS_OF - second, AS_OF]


def test_an_event_of_a_clock_that_is_ahead_counts_once_its_time_has_come(
    new_workspace: NewWorkspace, world: Any
) -> None:
    workspace = new_workspace()
    follower = started(workspace)
    account = world.events["account_id"][0]
    follower.accept(world.events.filter(pl.col("account_id") == account))
    event = world.events.filter(pl.col("account_id") == account)[:1]
    ahead = pl.lit(AS_OF + timedelta(seconds=30)).cast(pl.Datetime("us", "UTC"))
    follower.accept(event.with_columns(timestamp=ahead, day=ahead.dt.date(), request_key=pl.lit(1, pl.Int64)))
    follower.refresh(AS_OF)
    before = workspace.lookup.online([account]).matrix
    follower.store()
    assert follower.refresh(AS_OF + timedelta(seconds=20)).account_ids.is_empty()
    assert follower.refresh(AS_OF + timedelta(seconds=40)).account_ids.to_list() == [account]
    requests = FEATURE_NAMES.index("requests_28d")
    assert workspace.lookup.online([account]).matrix[0, requests] == before[0, requests] + 1


def test_what_is_accepted_is_stored_once_whatever_is_killed_when(
    new_workspace: NewWorkspace, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(Exception):
        pass

    workspace = new_workspace()
    parts = [world.events[begin : begin + 40] for begin in range(0, 240, 40)]
    targets = [("lake", "append"), ("lake", "roll_up"), ("journal", "remove"), ("journal", "new")]
    follower = started(workspace)
    for part, (owner, method) in zip(parts, [*targets, targets[0], targets[2]], strict=True):
        follower.accept(part)
        follower.refresh(AS_OF)
        target = type(workspace.lake) if owner == "lake" else JournalReader
        with monkeypatch.context() as patch:
            patch.setattr(target, method, lambda *_, **__: (_ for _ in ()).throw(KilledError))
            with pytest.raises(KilledError, match=r"^$"):
                follower.store()
        follower = started(workspace)
    stored = workspace.lake.scan("events").select("request_key").collect()["request_key"]
    assert sorted(stored) == sorted(world.events["request_key"])
    hours = workspace.lake.scan("account_rollups").select(pl.col("requests").sum()).collect().item()
    assert hours == len(world.events)
    assert list((workspace.root / "journal").iterdir()) == []


def test_while_another_command_writes_events_are_accepted_and_stored_afterwards(
    new_workspace: NewWorkspace, world: Any
) -> None:
    workspace = new_workspace()
    follower = started(workspace)
    with workspace.locked("ingest"):
        follower.accept(world.events)
        with pytest.raises(InputError, match=r"`stillwatch ingest` .* writes to .*: wait for it to end"):
            follower.store()
        assert follower.refresh(AS_OF).account_ids.len() == 8
        assert follower.follower.waiting == len(world.events)
    assert follower.store() == len(world.events)
    assert follower.follower.waiting == 0


def test_a_request_that_another_command_stored_meanwhile_is_stored_once(
    new_workspace: NewWorkspace, world: Any
) -> None:
    workspace = new_workspace()
    follower = started(workspace)
    follower.accept(world.events[:100])
    follower.refresh(AS_OF)
    ingested(workspace, world.events[50:150], 7)
    assert follower.store() == 50
    assert workspace.lake.scan("events").select(pl.len()).collect().item() == 150


def test_a_follower_under_another_key_stores_nothing(
    new_workspace: NewWorkspace, world: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace = new_workspace()
    follower = started(workspace)
    follower.accept(world.events)
    monkeypatch.setenv("STILLWATCH_KEY", "77" * 32)
    from pipelines.settings import settings as current

    current.cache_clear()
    with pytest.raises(InputError, match="was filled under another key"):
        started(Workspace(workspace.root))
    current.cache_clear()


def test_an_account_that_shows_what_a_group_shares_is_in_it_from_the_next_refresh_on(
    new_workspace: NewWorkspace, world: Any
) -> None:
    workspace = new_workspace()
    follower = started(workspace)
    ids = world.events["account_id"].unique().sort()
    follower.accept(world.events)
    follower.refresh(AS_OF)
    assert set(workspace.lookup.online(ids.to_list()).campaigns) == {None}
    prefixes = roll_up_keys(world.events.lazy()).filter(pl.col("kind") == KEY_KINDS.index("prefix")).collect()
    key = prefixes.group_by("key").agg(pl.col("account_id").n_unique()).sort("account_id")["key"][-1]
    group = {"group": "c1", "kind": KEY_KINDS.index("prefix"), "key": key, "weight": 0.5, "accounts": 5, "median": 0.1}
    joinable = pl.DataFrame([group | {"odds": 2.0, "is_crowd": False, "is_reported": True}], schema=JOINABLE_SCHEMA)
    follower.follower.let_join(joinable, is_lifted=True)
    follower.touch(ids)
    follower.refresh(AS_OF)
    rows = workspace.lookup.online(ids.to_list())
    shown = set(prefixes.filter(pl.col("key") == key)["account_id"])
    members = {account for account, campaign in zip(ids, rows.campaigns, strict=True) if campaign == "c1"}
    assert members and members <= shown
    for account, campaign, ties, lift in zip(ids, rows.campaigns, rows.ties, rows.lift, strict=True):
        assert (campaign is None) == (ties is None) == (lift == 0), account
        assert ties in (None, "openings of prompts (1 key, up to 5 accounts)")
