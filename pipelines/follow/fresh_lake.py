"""The lake with the events that are on their way into it: what is read out of the two is what the lake will give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote

import polars as pl

from features.families.history import LakeSums
from features.families.key_counts import count_usual
from features.families.volume import add_usage
from features.lake import HISTORY, TABLES, Lake, full_hour
from features.rollups import roll_up, roll_up_keys
from features.tables.aliases import rename_accounts

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class FreshLake(Lake):
    """A lake and events beside it. Rollups add, so nothing has to be stored first.

    Attributes:
        tables: events and their rollups, by table.
    """

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    _are_past: dict[datetime, bool] = field(default_factory=dict, compare=False)

    def scan(self, table: str) -> pl.LazyFrame:
        """The table of the lake, and what comes beside it."""
        stored, fresh = super().scan(table), self.tables.get(table)
        return stored if fresh is None else pl.concat([stored, fresh.lazy()])

    def beside(self, events: pl.DataFrame) -> "FreshLake":
        """The same with more events beside it."""
        added = {
            "events": events,
            "account_rollups": roll_up(events.lazy()).collect(),
            "key_rollups": roll_up_keys(events.lazy()).collect(),
        }
        tables = {
            name: pl.concat([self.tables[name], frame]) if self.tables else frame for name, frame in added.items()
        }
        return FreshLake(self.root, tables)

    def stored_history(self, table: str, as_of: datetime, files: list[str] | None = None) -> pl.LazyFrame:
        """The rollups of the history that lie in the lake itself, in all its files or in some."""
        stored = super().scan(table) if files is None else self.scan_files(table, files)
        return self._of_history(stored, as_of)

    def unstored_history(self, table: str, as_of: datetime) -> pl.LazyFrame:
        """The rollups of the history that `stored_history` lacks."""
        running = self._running_hour(as_of)
        rolled = roll_up(running) if table == "account_rollups" else roll_up_keys(running)
        fresh = self.tables.get(table)
        return rolled if fresh is None else pl.concat([self._of_history(fresh.lazy(), as_of), rolled])

    def is_past(self, as_of: datetime) -> bool:
        """Tell whether no event of the running hour is later: then its stored rollups are those as of now.

        They have not to be made of the hour's events, again and again, at each refresh.
        """
        if as_of not in self._are_past:
            hour, timestamp = full_hour(as_of), pl.col("timestamp")
            is_later = (pl.col("day") == hour.date()) & (timestamp > as_of) & (timestamp < hour + _HOUR)
            later = self.scan("events").filter(is_later).select(pl.len()).collect(engine="streaming").item()
            self._are_past.clear()
            self._are_past[as_of] = later == 0
        return self._are_past[as_of]

    def _of_history(self, rows: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
        is_within = pl.col("hour") >= full_hour(as_of) - HISTORY
        return rename_accounts(rows, self.names(as_of)).filter(is_within & self._is_over(as_of))

    def _is_over(self, as_of: datetime) -> pl.Expr:
        hour = full_hour(as_of)
        return pl.col("hour") <= hour if self.is_past(as_of) else pl.col("hour") < hour

    def _running_hour(self, as_of: datetime) -> pl.LazyFrame:
        events = super()._running_hour(as_of)
        return events.clear() if self.is_past(as_of) else events


@dataclass
class StoredSum:
    """A sum over the rollups of a table's files that grows with the files, until another hour begins.

    Attributes:
        table: whose rows are added.
        add: adds rows; sums are rows again.
    """

    table: str
    add: Callable[[pl.LazyFrame], pl.LazyFrame]
    _basis: tuple[datetime, bool] | None = None
    _names: pl.DataFrame = field(default_factory=pl.DataFrame)
    _files: set[str] = field(default_factory=set)
    _sum: pl.DataFrame = field(default_factory=pl.DataFrame)

    def read(self, lake: FreshLake, as_of: datetime) -> pl.LazyFrame:
        """Return the sum as of a time, with what is not stored yet."""
        basis, names, files = (full_hour(as_of), lake.is_past(as_of)), lake.names(as_of), lake.file_names(self.table)
        unstored = self.add(lake.unstored_history(self.table, as_of))
        if self._basis is not None and basis[0] < self._basis[0]:  # as of the end of a week: asked seldom
            return self.add(pl.concat([self.add(lake.stored_history(self.table, as_of)), unstored]))
        added = files - self._files
        is_continued = (
            self._basis == basis
            and self._names.equals(names)
            and self._files <= files
            and all((lake.folder(self.table) / unquote(path)).exists() for path in added)  # else they were compacted
        )
        if not is_continued:
            self._sum = self.add(lake.stored_history(self.table, as_of)).collect(engine="streaming")
        elif added:
            new = self.add(lake.stored_history(self.table, as_of, sorted(added)))
            self._sum = self.add(pl.concat([self._sum.lazy(), new])).collect(engine="streaming")
        self._basis, self._names, self._files = basis, names, files
        return self.add(pl.concat([self._sum.lazy(), unstored]))


@dataclass(frozen=True)
class StoredSums:
    """The sums that a follower keeps from one refresh to the next: some megabytes for 10,000 accounts.

    They grow with the accounts and the few hundred shapes, cells and networks that each shows, not with requests.
    """

    usual: StoredSum = field(default_factory=lambda: StoredSum("key_rollups", count_usual))
    usage: StoredSum = field(default_factory=lambda: StoredSum("account_rollups", add_usage))
    kinds: StoredSum = field(default_factory=lambda: StoredSum("key_rollups", _kinds))


@dataclass(frozen=True)
class FreshSums(LakeSums):
    """`LakeSums` of a lake with events beside it.

    Attributes:
        lake: the lake.
        stored: what earlier refreshes have added up.
    """

    lake: FreshLake
    stored: StoredSums

    def usual_keys(self, as_of: datetime) -> pl.LazyFrame:
        """See `LakeSums`."""
        return self.stored.usual.read(self.lake, as_of)

    def usage(self, as_of: datetime) -> pl.LazyFrame:
        """See `LakeSums`."""
        return self.stored.usage.read(self.lake, as_of)

    def kinds(self, as_of: datetime) -> pl.Series:
        """See `LakeSums`."""
        return self.stored.kinds.read(self.lake, as_of).collect()["kind"]


def _kinds(keys: pl.LazyFrame) -> pl.LazyFrame:
    return keys.select(pl.col("kind").unique())


def no_events() -> pl.DataFrame:
    """A frame of `Events` without rows."""
    return pl.DataFrame(schema={name: column.dtype for name, column in TABLES["events"].columns().items()})
