"""The follower: takes events, keeps the features of the accounts that sent them current, and stores them in the lake.

An event is in the journal from the moment it is acknowledged. From there it goes two ways: beside the lake into memory,
where the next refresh reads its account out, and, some thousands together, into the lake. What is in the lake leaves
memory and journal, so both are bounded by what comes between two stores.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

import polars as pl

from features.accounts import read_out
from features.catalogue import FEATURES_SCHEMA
from features.groups.joining import GROUP_KEYS, join_groups
from features.lake import Lake
from features.store.last_active import active_times
from features.tables.aliases import rename_accounts
from features.tables.journal import JournalReader
from pipelines.campaigns.lifts import JOINABLE_SCHEMA, tell_lifts
from pipelines.follow.follower_state import JOURNAL
from pipelines.follow.freshness.fresh_lake import FreshLake, no_events
from pipelines.follow.freshness.fresh_sums import FreshSums, StoredSums
from pipelines.follow.freshness.refresh_size import accounts_at_once
from pipelines.follow.freshness.request_keys import RequestKeys
from pipelines.workspace import Workspace

_NOTED = (
    "events",
    "account_rollups",
    "accounts",
    "aliases",
)  # tables whose files are watched for what other commands append
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, eq=False)
class Refreshed:
    """What a refresh did.

    Attributes:
        as_of: its time.
        account_ids: those that were read out and brought online.
        waiting: how many others something is new of.
        whole_at: all that was durable then is online.
        events: how many new events were looked at.
        repeats: how many of them were there already.
    """

    as_of: datetime
    account_ids: pl.Series
    waiting: int
    whole_at: datetime
    events: int
    repeats: int


class Follower:
    """Keeps a workspace current with the events of its journal.

    Args:
        workspace: the workspace; with an online store that others read.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._journal = JournalReader(workspace.root / JOURNAL)
        self._fresh = FreshLake(workspace.lake.root)
        self._sums = StoredSums()
        self._keys = RequestKeys()
        self._files: dict[str, set[str]] = {}
        self._touched: dict[str, datetime] = {}  # and up to when what they sent is online
        self._last_id, self._refreshed_at = "", _NEVER
        self._ahead = no_events()  # whose time has not come
        self._later = self._ahead.select("account_id", "timestamp")  # of those that are stored
        self._joinable = pl.DataFrame(schema=JOINABLE_SCHEMA)
        self._is_lifted = False

    @property
    def waiting(self) -> int:
        """How many events that were looked at are not in the lake yet."""
        return len(self._ahead) + sum(len(part["events"]) for part in self._fresh.parts)

    def holds_requests(self) -> bool:
        """Tell whether the lake holds any request."""
        return bool(len(self._keys))

    def recover(self) -> int:
        """Store what a killed follower left in the journal; return how many events that were.

        Raises:
            InputError: another process writes to the workspace.
            IntegrityError: the journal is damaged.
        """
        self.workspace.keyring  # noqa: B018  refuses another key before anything is written
        self._journal.close_left()
        with self.workspace.locked("follow"):
            self.workspace.lake.catch_up()
            self._note_others()
        return self.store()

    def refresh(self, now: datetime, most: int | None = None) -> Refreshed:
        """Read out accounts that something is new of, and bring them online.

        Args:
            now: the clock.
            most: how many accounts at most, by default as many as `accounts_at_once` says; the next refresh goes on
                after them in the order of ids, and begins again at the end, so that nobody waits longer than a round.
        """
        events, repeats = self._take()
        self._note_others()
        self._bring_beside(now)
        lake, lookup, touched = self._fresh.at(now), self.workspace.lookup, self._next_touched(most)
        accounts = pl.DataFrame({"account_id": pl.Series(touched, dtype=pl.String)})
        sums = FreshSums(lake, self._sums)
        sums.prepare(now)
        features = _read_out(sums, accounts, now)
        lookup.push(features, self._groups(features["account_id"], lake, now), lake.names(now))
        for account in touched:
            del self._touched[account]
        self._last_id, self._refreshed_at = touched[-1] if touched else "", now
        whole_at = min(self._touched.values(), default=now)
        return Refreshed(now, features["account_id"], len(self._touched), whole_at, events, repeats)

    def _next_touched(self, most: int | None) -> list[str]:
        """The accounts whose turn it is, in that order."""
        touched = sorted(self._touched)
        begin = bisect_right(touched, self._last_id)
        most = accounts_at_once(len(touched)) if most is None else most
        return [*touched[begin:], *touched[:begin]][:most]

    def is_online_whole(self) -> bool:
        """Tell whether all accounts are online; not if the online store was emptied meanwhile."""
        return self.workspace.lookup.marker() is not None

    def touch(self, account_ids: Iterable[str]) -> None:
        """Let these accounts be read out, whether or not something is new of them."""
        for account in account_ids:
            self._touched.setdefault(account, self._refreshed_at)

    def let_join(self, joinable: pl.DataFrame, *, is_lifted: bool) -> None:
        """Let accounts join groups that they show the keys of, until the next grouping.

        Args:
            joinable: `JOINABLE_SCHEMA`.
            is_lifted: whether there is a champion whose risks a group can raise.
        """
        self._joinable, self._is_lifted = joinable, is_lifted

    def _groups(self, account_ids: pl.Series, lake: Lake, now: datetime) -> pl.DataFrame:
        """The groups of the last grouping, and of the accounts that were in none those that they have joined since."""
        groups = self.workspace.lookup.groups()
        others = account_ids.filter(~account_ids.is_in(groups["account_id"].implode()))
        if self._joinable.is_empty() or others.is_empty():
            return groups
        joined = join_groups(lake, now, others, self._joinable.select(GROUP_KEYS.names()))
        judged = self._joinable.unique("group").select("group", "odds", "is_crowd", "is_reported", campaign_id="group")
        return pl.concat(
            [groups, tell_lifts(joined.join(judged, on="group"), is_lifted=self._is_lifted).select(groups.columns)]
        )

    def store(self) -> int:
        """Put what lies in closed segments into the lake, with what came after them; return how many events.

        Raises:
            InputError: another process writes to the workspace; nothing is lost, and it can be tried again.
        """
        with self.workspace.locked("follow"):
            segments = self._journal.closed()
            self._take()
            self._note_others()
            if not segments:
                return 0
            events = pl.concat([self._fresh.fresh_events(), self._ahead])
            self._append(segments[-1].source, events)
            for segment in segments:
                self._journal.remove(segment)
            self._fresh = FreshLake(self.workspace.lake.root)
            self._note_later(self._ahead)
            self._ahead = no_events()
        return len(events)

    def _take(self) -> tuple[int, int]:
        """Read the journal's new events; return how many came, and how many were there already."""
        events = pl.concat([no_events(), *self._journal.new()])
        new = self._keys.first_of(events)
        if len(new):
            self._keys.add(new["request_key"])
            self._ahead = pl.concat([self._ahead, new])
        return len(events), len(events) - len(new)

    def _bring_beside(self, now: datetime) -> None:
        """Put the events whose time has come beside the lake, and touch their accounts.

        One event that lies ahead would have the whole hour's rollups made of events again at each refresh.
        """
        is_due = pl.col("timestamp") <= now
        due = self._ahead.filter(is_due)
        if len(due):
            self._ahead = self._ahead.filter(~is_due)
            self._fresh = self._fresh.beside(due)
        self.touch(due["account_id"].unique())
        self.touch(self._later.filter(is_due)["account_id"])
        self._later = self._later.filter(~is_due)

    def _note_later(self, stored: pl.DataFrame) -> None:
        """Note stored events whose time may lie ahead: then their accounts are touched."""
        self._later = pl.concat([self._later, stored.select("account_id", "timestamp")])

    def _note_others(self) -> None:
        """Note what other commands have put into the lake: whose accounts are touched, and which requests are there."""
        lake = self.workspace.lake
        names = {table: lake.file_names(table) for table in _NOTED}
        added = {table: names[table] - self._files[table] for table in names} if self._files else {}
        for table in ("account_rollups", "accounts", "aliases"):
            if added.get(table):
                ids = _scan_added(lake, table, added[table]).select(pl.col("account_id").unique()).collect()
                self.touch(ids["account_id"])
        if not self._files or added["events"]:
            keys = _scan_added(lake, "events", added.get("events")).select("request_key").collect()["request_key"]
            is_stored = pl.col("request_key").is_in(keys.implode())
            fresh = self._fresh.fresh_events()
            others = fresh.filter(~is_stored)
            if len(others) < len(fresh):  # what is stored stays
                self._fresh = FreshLake(lake.root).beside(others)
            self._note_later(self._ahead.filter(is_stored))
            self._ahead = self._ahead.filter(~is_stored)
            self._keys.add(keys)
        self._files = names

    def _append(self, source: int, events: pl.DataFrame) -> None:
        lake = self.workspace.lake
        if len(events):
            lake.append("events", [events.with_columns(source=pl.lit(source, pl.Int64))], source)
            lake.roll_up(source)
            self._files = {table: lake.file_names(table) for table in _NOTED}


def _read_out(sums: FreshSums, accounts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Read accounts out as `build` does: those with nothing but a late event as of their last active week."""
    lake = sums.lake
    ids = rename_accounts(accounts, lake.names(now))["account_id"]
    seen = sums.seen(now).filter(pl.col("account_id").is_in(ids.implode()))
    times = sorted(active_times(seen, now).group_by("active_at"))
    parts = [read_out(lake, time, active["account_id"], sums) for (time,), active in times]
    stamp = pl.lit(now).cast(FEATURES_SCHEMA["as_of"])
    return pl.concat([pl.DataFrame(schema=FEATURES_SCHEMA), *parts]).with_columns(as_of=stamp)


def _scan_added(lake: Lake, table: str, paths: set[str] | None) -> pl.LazyFrame:
    """Scan files of a table; all of it where one of them has been compacted since, or none is named."""
    if paths is None or not all((lake.folder(table) / unquote(path)).exists() for path in paths):
        return lake.scan(table)
    return lake.scan_files(table, sorted(paths))
