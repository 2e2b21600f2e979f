"""The lake with the events that are on their way into it: what is read out of the two is what the lake will give."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from features.lake import TABLES, Lake, full_hour
from features.rollups import roll_up, roll_up_keys
from features.tables.aliases import rename_accounts

_HOUR = timedelta(hours=1)
_ROWS_TOGETHER = 3_000_000  # added at once: bounds memory to some 0.5 GB
Part = Mapping[str, pl.DataFrame]
Value = TypeVar("Value")


@dataclass(frozen=True)
class FreshLake(Lake):
    """A lake and events beside it. Rollups add, so nothing has to be stored first.

    Attributes:
        parts: events and their rollups by table, as they came.
    """

    parts: tuple[Part, ...] = ()
    _remembered: dict[object, Any] = field(default_factory=dict, compare=False)

    def at(self, now: datetime) -> "FreshLake":
        """The same, with the ids that hold at a time; what is asked of its tables again is not looked up again."""
        return replace(self, names_at=now, _remembered={})

    def scan(self, table: str) -> pl.LazyFrame:
        """The table of the lake, and what comes beside it."""
        return pl.concat([super().scan(table), *(part[table].lazy() for part in self.parts if table in part)])

    def fresh_events(self) -> pl.DataFrame:
        """The events beside the lake."""
        return pl.concat([no_events(), *(part["events"] for part in self.parts)])

    def beside(self, events: pl.DataFrame) -> "FreshLake":
        """The same with more events beside it."""
        part = {
            "events": events,
            "account_rollups": roll_up(events.lazy()).collect(),
            "key_rollups": roll_up_keys(events.lazy()).collect(),
        }
        return FreshLake(self.root, parts=(*self.parts, part))

    def names(self, as_of: datetime) -> pl.DataFrame:
        """See `Lake.names`."""
        return self._remember(("names", self.names_at or as_of), lambda: super(FreshLake, self).names(as_of))

    def accounts(self, as_of: datetime) -> pl.DataFrame:
        """See `Lake.accounts`."""
        return self._remember(("accounts", as_of), lambda: super(FreshLake, self).accounts(as_of))

    def file_names(self, table: str) -> set[str]:
        """See `Lake.file_names`."""
        return self._remember(("files", table), lambda: super(FreshLake, self).file_names(table))

    def count_stored(self, table: str) -> int:
        """How many rows of a table the lake itself holds, by its log."""
        return self._remember(("rows", table), lambda: self._count_stored(table))

    def is_past(self, as_of: datetime) -> bool:
        """Tell whether no event of the running hour is later: then its stored rollups are those as of now.

        They have not to be made of the hour's events, again and again, at each refresh.
        """
        return self._remember(("past", as_of), lambda: self._is_past(as_of))

    def file_groups(self, table: str, paths: Collection[str] | None) -> list[list[str]]:
        """Some of a table's files, or all that it has now, some million rows together; one empty group without any."""
        delta_table = self.open_table(table)
        if delta_table is None:
            return [[]]
        files = pl.DataFrame(delta_table.get_add_actions(flatten=True)).select("path", "num_records").sort("path")
        some = files if paths is None else files.filter(pl.col("path").is_in(list(paths)))
        numbered = some.with_columns(group=(pl.col("num_records").cum_sum() - 1) // _ROWS_TOGETHER)
        groups = numbered.group_by("group", maintain_order=True).agg("path")["path"].to_list()
        return groups or [[]]

    def stored_history(self, table: str, as_of: datetime, history: timedelta, files: list[str]) -> pl.LazyFrame:
        """The rollups of the history that lie in some files of the lake itself."""
        return self._of_history(self.scan_files(table, files), as_of, history)

    def part_history(self, table: str, as_of: datetime, history: timedelta, part: Part) -> pl.LazyFrame:
        """The rollups of the history that lie in one of the parts."""
        return self._of_history(part[table].lazy(), as_of, history)

    def history(self, table: str, as_of: datetime, history: timedelta) -> pl.LazyFrame:
        """The rollups of the history, those of the running hour made of its events if some of these are later."""
        rows = self._of_history(self.scan(table), as_of, history)
        if self.is_past(as_of):
            return rows
        running = self._running_hour(as_of)
        return pl.concat([rows, roll_up(running) if table == "account_rollups" else roll_up_keys(running)])

    def _count_stored(self, table: str) -> int:
        delta_table = self.open_table(table)
        if delta_table is None:
            return 0
        return int(pl.DataFrame(delta_table.get_add_actions(flatten=True))["num_records"].sum())

    def _is_past(self, as_of: datetime) -> bool:
        hour, timestamp = full_hour(as_of), pl.col("timestamp")
        is_later = (pl.col("day") == hour.date()) & (timestamp > as_of) & (timestamp < hour + _HOUR)
        later = self.scan("events").filter(is_later).select(pl.len()).collect(engine="streaming").item()
        return bool(later == 0)

    def _of_history(self, rows: pl.LazyFrame, as_of: datetime, history: timedelta) -> pl.LazyFrame:
        is_within = pl.col("hour") >= full_hour(as_of) - history
        return rename_accounts(rows, self.names(as_of)).filter(is_within & self._is_over(as_of))

    def _is_over(self, as_of: datetime) -> pl.Expr:
        hour = full_hour(as_of)
        return pl.col("hour") <= hour if self.is_past(as_of) else pl.col("hour") < hour

    def _running_hour(self, as_of: datetime) -> pl.LazyFrame:
        events = super()._running_hour(as_of)
        return events.clear() if self.is_past(as_of) else events

    def _remember(self, what: object, look_up: Callable[[], Value]) -> Value:
        if what not in self._remembered:
            self._remembered[what] = look_up()
        value: Value = self._remembered[what]
        return value


def no_events() -> pl.DataFrame:
    """A frame of `Events` without rows."""
    return pl.DataFrame(schema={name: column.dtype for name, column in TABLES["events"].columns().items()})
