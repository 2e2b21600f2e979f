"""The lake with the events that are on their way into it: what is read out of the two is what the lake will give."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from features.lake import TABLES, Lake
from features.rollups import roll_up, roll_up_keys


@dataclass(frozen=True)
class FreshLake(Lake):
    """A lake and events beside it. Rollups add, so nothing has to be stored first.

    Attributes:
        tables: events and their rollups, by table.
    """

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)

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


def no_events() -> pl.DataFrame:
    """A frame of `Events` without rows."""
    return pl.DataFrame(schema={name: column.dtype for name, column in TABLES["events"].columns().items()})
