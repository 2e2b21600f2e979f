"""What is added up of a lake and the events beside it, kept from one refresh to the next.

A refresh that reads 28 days of the accounts that it reads out, and of all that show the same keys, takes seconds for
that alone. So the rollups of the whole lake are kept in memory, added up. Sums are rows again: what new files add is
kept beside them, and whoever reads adds the two.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from urllib.parse import unquote

import numpy as np
import polars as pl

from features.catalogue import SHARED_KINDS
from features.families.key_counts import HOURLY_KINDS, add_dated, codes_of, count_requests, count_usual, date_rows
from features.families.lake_sums import Chosen, LakeSums, OwnKeys
from features.families.volume import add_usage
from features.lake import HISTORY, WHOLE_LIFE, Lake, full_hour
from features.rollups import merge
from pipelines.follow.freshness.fresh_lake import FreshLake, Part

MOST_KEY_ROWS, MOST_HOURS = 80_000_000, 3_000_000
"""Rows of the lake's rollups of keys, and of accounts, up to which they are kept: those of some four million requests.
With more of them each refresh reads the lake instead. Doubled, they take twice the memory."""

Rows = pl.LazyFrame


@dataclass
class StoredSum:
    """A sum over the rollups of a table's files that grows with the files, until another hour begins.

    Attributes:
        table: whose rows are added.
        add: adds rows; sums are rows again.
        roll: makes of rollups, as of a time, the rows that are added.
        history: how far back.
        most_rows: of the table; with more of them nothing is kept.
        order: the column that what is kept is sorted by, so that some of it is found at once.
    """

    table: str
    add: Callable[[Rows], Rows]
    roll: Callable[[Rows, datetime], Rows]
    history: timedelta = HISTORY
    most_rows: int | None = None
    order: str = "account_id"
    _basis: datetime | None = None
    _names: pl.DataFrame = field(default_factory=pl.DataFrame)
    _files: set[str] = field(default_factory=set)
    _sums: list[pl.DataFrame] = field(default_factory=list)
    _parts: tuple[Part, ...] = ()
    _fresh: list[pl.DataFrame] = field(default_factory=list)

    def read(self, lake: FreshLake, as_of: datetime, which: pl.Expr | None = None) -> Rows:
        """Return the sum as of a time, of all rows or of `which`, with what is not stored yet."""
        return self.add(self.rows(lake, as_of, which))

    def rows(
        self, lake: FreshLake, as_of: datetime, which: pl.Expr | None = None, chosen: Chosen | None = None
    ) -> Rows:
        """Return rows that add up to the sum; with `chosen`, which has to be in `which`, those of other accounts are
        passed over at once.
        """
        wanted = pl.lit(True) if which is None else which
        if self._is_other(lake, as_of):
            return self.roll(lake.history(self.table, as_of, self.history).filter(wanted), as_of)
        frames = self.frames(lake, as_of)
        return pl.concat([_of_accounts(frame, chosen).lazy().filter(wanted) for frame in frames])

    def frames(self, lake: FreshLake, as_of: datetime) -> list[pl.DataFrame]:
        """Return what is kept, brought up to date: frames whose rows add up to the sum; ask `is_kept` first."""
        self._catch_up(lake, as_of)
        return [*self._sums, *self._fresh]

    def is_kept(self, lake: FreshLake, as_of: datetime) -> bool:
        """Tell whether the table has no more rows than are kept, and it is the time for which they are."""
        is_small = self.most_rows is None or lake.count_stored(self.table) <= self.most_rows
        if not is_small:
            self._basis, self._sums, self._fresh = None, [], []
        return is_small and not self._is_other(lake, as_of)

    def _is_other(self, lake: FreshLake, as_of: datetime) -> bool:
        """Tell whether a time is asked about for which nothing is kept: the end of an earlier week, or one that stored
        events lie after, which is over when their time has come.
        """
        is_earlier = self._basis is not None and full_hour(as_of) < self._basis
        return is_earlier or not lake.is_past(as_of)

    def _catch_up(self, lake: FreshLake, as_of: datetime) -> None:
        """Add what the lake's new files hold; all of it where the hour, the names or the older files are others."""
        basis, names, files = full_hour(as_of), lake.names(as_of), lake.file_names(self.table)
        added = files - self._files
        is_continued = (
            self._basis == basis
            and self._names.equals(names)
            and self._files <= files
            and all((lake.folder(self.table) / unquote(path)).exists() for path in added)  # else they were compacted
        )
        if not is_continued:
            self._sums = []
        groups = lake.file_groups(self.table, added if is_continued else None) if added or not is_continued else []
        for paths in groups:
            rows = lake.stored_history(self.table, as_of, self.history, paths)
            self._sums = _joined([*self._sums, self._collect(self.roll(rows, as_of))], self._collect)
        self._add_parts(lake, as_of, is_continued=is_continued)
        is_same = is_continued or Lake.file_names(lake, self.table) == files  # else a file was added meanwhile
        self._basis, self._names, self._files = basis if is_same else None, names, files

    def _add_parts(self, lake: FreshLake, as_of: datetime, *, is_continued: bool) -> None:
        """Add what came beside the lake; all of it where what came before is there no more."""
        if not is_continued or any(
            new is not old for new, old in zip_longest(lake.parts[: len(self._parts)], self._parts)
        ):
            self._parts, self._fresh = (), []
        for part in lake.parts[len(self._parts) :]:
            rows = self.roll(lake.part_history(self.table, as_of, self.history, part), as_of)
            self._fresh = _joined([*self._fresh, self._collect(rows)], self._collect)
        self._parts = lake.parts

    def _collect(self, rows: Rows) -> pl.DataFrame:
        added = self.add(rows).collect(engine="streaming")
        return added.sort(self.order)


def _joined(sums: list[pl.DataFrame], add: Callable[[Rows], pl.DataFrame]) -> list[pl.DataFrame]:
    """Add the last ones while they are of like size: each row is added seldom, and there are few sums."""
    while len(sums) > 1 and 2 * len(sums[-1]) >= len(sums[-2]):
        sums = [*sums[:-2], add(pl.concat([sums[-2].lazy(), sums[-1].lazy()]))]
    return sums


def _of_accounts(rows: pl.DataFrame, chosen: Chosen | None) -> pl.DataFrame:
    """The rows between the first and the last of the accounts."""
    if chosen is None:
        return rows
    ids = rows["account_id"]
    begin, end = ids.search_sorted(chosen.ids[0], "left"), ids.search_sorted(chosen.ids[-1], "right")
    return rows[begin:end]


def _rows_of_several(frames: list[pl.DataFrame], keys: pl.Series) -> pl.DataFrame:
    """The rows of keys of which there are several; most keys are one account's, and have one."""
    wanted, columns = keys.sort().to_numpy(), [frame["key"].to_numpy() for frame in frames]
    begins = [np.searchsorted(column, wanted, "left") for column in columns]
    counts = [np.searchsorted(column, wanted, "right") - begin for column, begin in zip(columns, begins, strict=True)]
    are_several = np.sum(counts, axis=0) > 1
    rows: list[pl.DataFrame] = []
    for frame, begin, count in zip(frames, begins, counts, strict=True):
        first, length = begin[are_several], count[are_several]
        before = np.repeat(length.cumsum() - length, length)
        rows.append(frame[np.repeat(first, length) + np.arange(length.sum()) - before])
    return pl.concat(rows)


def _add_seen(rows: Rows) -> Rows:
    return rows.group_by("account_id").agg(pl.col("first_seen").min(), pl.col("last_seen").max())


def _see(hours: Rows, as_of: datetime) -> Rows:  # noqa: ARG001  (see `StoredSum.roll`)
    return _add_seen(hours.select("account_id", first_seen="hour", last_seen="hour"))


def _kinds(keys: Rows) -> Rows:
    return keys.select(pl.col("kind").unique())


def _add_hourly(keys: Rows) -> Rows:
    """Add the keys of `HOURLY_KINDS` of each hour."""
    chosen = keys.filter(pl.col("kind").is_in(codes_of(HOURLY_KINDS)))
    return chosen.group_by("account_id", "kind", "key", "hour").agg(pl.col("requests").sum())


def _count_shared(keys: Rows) -> Rows:
    return count_requests(keys, SHARED_KINDS)


def _sum_of(
    table: str, add: Callable[[Rows], Rows], most_rows: int | None = None, order: str = "account_id"
) -> StoredSum:
    """A sum whose rows are added as they are, whatever the time."""
    return StoredSum(table, add, lambda rows, _: add(rows), most_rows=most_rows, order=order)


@dataclass(frozen=True)
class StoredSums:
    """The sums that a follower keeps: 0.9 KB for each request of the 28 days, most in `dated` and `hours`."""

    seen: StoredSum = field(default_factory=lambda: StoredSum("account_rollups", _add_seen, _see, WHOLE_LIFE))
    usual: StoredSum = field(default_factory=lambda: _sum_of("key_rollups", count_usual))
    usage: StoredSum = field(default_factory=lambda: _sum_of("account_rollups", add_usage))
    kinds: StoredSum = field(default_factory=lambda: _sum_of("key_rollups", _kinds, order="kind"))
    hours: StoredSum = field(default_factory=lambda: _sum_of("account_rollups", merge, MOST_HOURS))
    hourly: StoredSum = field(default_factory=lambda: _sum_of("key_rollups", _add_hourly, MOST_KEY_ROWS))
    shared: StoredSum = field(default_factory=lambda: _sum_of("key_rollups", _count_shared, MOST_KEY_ROWS, "key"))
    dated: StoredSum = field(
        default_factory=lambda: StoredSum("key_rollups", add_dated, date_rows, most_rows=MOST_KEY_ROWS)
    )


@dataclass(frozen=True)
class FreshSums(LakeSums):
    """`LakeSums` of a lake with events beside it.

    Attributes:
        lake: the lake.
        stored: what earlier refreshes have added up.
    """

    lake: FreshLake
    stored: StoredSums

    def prepare(self, as_of: datetime) -> None:
        """Bring up to date what is kept, so that whoever is read out next has not to wait for it."""
        for each in vars(self.stored).values():
            if each.is_kept(self.lake, as_of):
                each.frames(self.lake, as_of)

    def seen(self, as_of: datetime) -> pl.DataFrame:
        """See `LakeSums`."""
        return self.stored.seen.read(self.lake, as_of).sort("account_id").collect(engine="streaming")

    def usual_keys(self, as_of: datetime) -> pl.LazyFrame:
        """See `LakeSums`."""
        return self.stored.usual.read(self.lake, as_of)

    def usage(self, as_of: datetime) -> pl.LazyFrame:
        """See `LakeSums`."""
        return self.stored.usage.read(self.lake, as_of)

    def kinds(self, as_of: datetime) -> pl.Series:
        """See `LakeSums`."""
        return self.stored.kinds.read(self.lake, as_of).collect()["kind"]

    def hours(self, as_of: datetime, chosen: Chosen) -> pl.LazyFrame:
        """See `LakeSums`."""
        if not self.stored.hours.is_kept(self.lake, as_of):
            return super().hours(as_of, chosen)
        return merge(self.stored.hours.rows(self.lake, as_of, chosen.is_chosen(), chosen))

    def own_keys(self, as_of: datetime, chosen: Chosen) -> OwnKeys:
        """See `LakeSums`."""
        if not self.stored.dated.is_kept(self.lake, as_of):
            return super().own_keys(as_of, chosen)
        dated, hourly = (
            each.rows(self.lake, as_of, chosen.is_chosen(), chosen) for each in (self.stored.dated, self.stored.hourly)
        )
        return OwnKeys(add_dated(dated).collect(engine="streaming"), _add_hourly(hourly).collect().lazy())

    def shown_keys(self, as_of: datetime, keys: pl.Series) -> pl.LazyFrame:
        """See `LakeSums`; without the rows of keys that have one."""
        if not self.stored.shared.is_kept(self.lake, as_of):
            return super().shown_keys(as_of, keys)
        return _rows_of_several(self.stored.shared.frames(self.lake, as_of), keys).lazy()
