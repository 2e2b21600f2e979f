"""Data files of a table: sorted, compressed, and named after the digest of their content.

The name is what the table's log commits to, so a file that is damaged later is no longer the one that was committed.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from features.errors import IntegrityError

DRAFT = "_draft-"  # begins the name of a file that is being written; tables ignore it
_LEVEL = 3  # of zstd; 9 saves 1 % and takes half as long again, 15 saves 2 % and takes five times as long
_DIGITS = 32  # of the SHA-256 in a name
_NAME = re.compile(rf"^[0-9a-f]{{16}}-([0-9a-f]{{{_DIGITS}}})\.parquet$")
_MOST_VALUES, _HOUR = 1 << 62, 3_600_000_000  # of a number of 64 bits with a sign; microseconds
_checked: set[tuple[str, int, int]] = set()  # path, time of change and size of the files that this process has checked


@dataclass(frozen=True)
class Layout:
    """How the rows of a table lie in its files.

    Attributes:
        schema: of the table.
        order: columns that a file's rows are sorted by, so that like values lie side by side; none keeps their order.
        partition: a column of dates that has a folder for each value; None for none.
        time: the column whose earliest and latest value is noted for each file; None for none.
    """

    schema: pl.Schema
    order: tuple[str, ...]
    partition: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class DataFile:
    """A file that has been written.

    Attributes:
        path: below the table's folder.
        size: in bytes.
        partition: the value of the partition column, as its folder has it; none without partitions.
        stats: of the rows, as Delta notes them.
    """

    path: str
    size: int
    partition: dict[str, str]
    stats: str


class RemoteFiles(Protocol):
    """Where the tables of a lake lie, if its folder holds copies only."""

    def fetch(self, files: Sequence[Path]) -> None:
        """Bring data files into the folder that are not there, and check all of them (`check_content`)."""

    def publish(self, folder: Path) -> None:
        """Store what was committed in the folder of a table, or raise if somebody else has committed since."""

    def tidy(self, folder: Path, live: Collection[Path]) -> None:
        """Remove the data files of a table that are not live."""


class NoRemote:
    """The tables lie in the folder itself."""

    def fetch(self, files: Sequence[Path]) -> None:
        """Check them."""
        for file in files:
            check_content(file)

    def publish(self, folder: Path) -> None:
        """It is stored."""

    def tidy(self, folder: Path, live: Collection[Path]) -> None:
        """They are removed."""


NO_REMOTE = NoRemote()


def write_data_files(folder: Path, layout: Layout, mark: int, frames: Iterable[pl.DataFrame]) -> list[DataFile]:
    """Write rows into files of a table, one for each partition; none without rows.

    Args:
        folder: of the table.
        layout: of the table.
        mark: of these rows; two files of the same content and other marks are two files.
        frames: the rows, each frame sorted and written as it comes.
    """
    with ExitStack() as stack:
        drafts: dict[str | None, _Draft] = {}
        for frame in frames:
            for value, rows, arrow in _by_partition(layout, frame):
                if value not in drafts:
                    drafts[value] = stack.enter_context(_Draft(folder, layout))
                drafts[value].write(rows, arrow)
        return [draft.finish(value, mark) for value, draft in drafts.items()]


def check_content(path: Path) -> None:
    """Check, once in a process, that a file is the one that was committed; older releases named them otherwise.

    Raises:
        IntegrityError: it is missing or was changed.
    """
    try:
        state = path.stat()
        mark = (str(path), state.st_mtime_ns, state.st_size)
        name = _NAME.match(path.name)
        if mark in _checked or name is None:
            return
        is_whole = digest_of(path)[:_DIGITS] == name[1]
    except OSError as error:
        raise IntegrityError(f"{path} can't be read ({error.strerror}): restore it from a copy.") from error
    if not is_whole:
        raise IntegrityError(f"{path} is damaged: its content is not what was written; restore it from a copy.")
    _checked.add(mark)


def admit_copy(draft: Path, path: Path) -> bool:
    """Let a copy that was fetched take a data file's place; False if it has not the content that the name says."""
    name = _NAME.match(path.name)
    if name is not None and digest_of(draft)[:_DIGITS] != name[1]:
        return False
    draft.replace(path)
    state = path.stat()
    _checked.add((str(path), state.st_mtime_ns, state.st_size))
    return True


def add_action(file: DataFile) -> AddAction:
    """The entry of a table's log that adds a file."""
    return AddAction(file.path, file.size, file.partition, 0, True, file.stats)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_own_name(name: str) -> bool:
    """Tell whether this release wrote a file of this name."""
    return _NAME.match(name) is not None


@dataclass
class _Draft:
    """A file that is being written; without `finish` nothing remains of it."""

    folder: Path
    layout: Layout
    rows: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    path: Path = field(init=False)

    def __enter__(self) -> "_Draft":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / f"{DRAFT}{secrets.token_hex(8)}.parquet"
        schema = {name: kind for name, kind in self.layout.schema.items() if name != self.layout.partition}
        arrow = pl.DataFrame(schema=schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        self.writer = pq.ParquetWriter(
            self.path,
            arrow,
            compression="zstd",
            compression_level=_LEVEL,
            write_page_checksum=True,
            write_statistics=[name for name in (self.layout.time, "account_id") if name in schema],
            store_schema=False,  # as large as a day of a small provider, and Delta's schema says the same
        )
        return self

    def write(self, rows: pl.DataFrame, arrow: pa.Table) -> None:
        """Add rows in their order, also given without the partition column for the writer."""
        self.rows += len(rows)
        if self.layout.time is not None:
            earliest, latest = rows.select(pl.col(self.layout.time).min(), latest=pl.col(self.layout.time).max()).row(0)
            self.earliest = min((time for time in (self.earliest, earliest) if time is not None), default=None)
            self.latest = max((time for time in (self.latest, latest) if time is not None), default=None)
        self.writer.write_table(arrow)

    def finish(self, partition: str | None, mark: int) -> DataFile:
        """Give the file its name and describe it."""
        self.writer.close()
        name = f"{mark % 2**64:016x}-{digest_of(self.path)[:_DIGITS]}.parquet"
        values = {} if partition is None or self.layout.partition is None else {self.layout.partition: partition}
        target = self.folder.joinpath(*(f"{column}={value}" for column, value in values.items()), name)
        target.parent.mkdir(exist_ok=True)
        size = self.path.stat().st_size
        self.path.replace(target)
        return DataFile(str(target.relative_to(self.folder)), size, values, self._stats())

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # of a full disk, which was said before
            self.writer.close()
        self.path.unlink(missing_ok=True)

    def _stats(self) -> str:
        time, stats = self.layout.time, {"numRecords": self.rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
        if time is not None and self.earliest is not None and self.latest is not None:
            latest = self.latest + timedelta(milliseconds=1)  # Delta's statistics are cut to milliseconds
            stats |= {"minValues": {time: _stamp(self.earliest)}, "maxValues": {time: _stamp(latest)}}
        return json.dumps(stats)


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def _by_partition(layout: Layout, frame: pl.DataFrame) -> Iterator[tuple[str | None, pl.DataFrame, pa.Table]]:
    """The rows of each partition in the layout's order, and the same for the writer, without the partition column.

    All are sorted and converted at once: a batch may have a few rows for each of many days.
    """
    partition = () if layout.partition is None else (layout.partition,)
    order = list(dict.fromkeys((*partition, *layout.order)))
    rows = frame.select(pl.col(name).cast(kind) for name, kind in layout.schema.items())
    if not len(rows):
        return
    if order:
        keys = pl.DataFrame(_sort_keys(rows, order))
        rows = rows[keys.select(pl.arg_sort_by(keys.columns, maintain_order=True)).to_series()]
    arrow = rows.drop(partition).to_arrow(compat_level=pl.CompatLevel.oldest())
    if layout.partition is None:
        yield None, rows, arrow
        return
    begin = 0
    for run in rows[layout.partition].rle().to_list():
        yield str(run["value"]), rows.slice(begin, run["len"]), arrow.slice(begin, run["len"])
        begin += run["len"]


def _sort_keys(rows: pl.DataFrame, order: Iterable[str]) -> list[pl.Series]:
    """Columns that sort as the given ones do, and fewer: neighbours that fit into one number become one.

    Measured on 420,000 rollups of keys (of 20,000 requests): 0.32 s with the four columns, 0.18 s with these.
    """
    keys: list[pl.Series] = []
    room = 0  # how many values the last key still has room for
    for column in (rows[name] for name in order):
        numbered = _number(column)
        if numbered is None:
            keys.append(column)
            room = 0
            continue
        number, values = numbered
        if values <= room:
            keys[-1] = keys[-1] * values + number
            room //= values
        else:
            keys.append(number)
            room = _MOST_VALUES // values
    return [key.alias(str(i)) for i, key in enumerate(keys)]


def _number(column: pl.Series) -> tuple[pl.Series, int] | None:
    """Whole numbers from 0 on that sort as a column does, and how many there may be; None where that can't be said."""
    if column.null_count() or not len(column):
        return None
    if column.dtype == pl.String:
        texts = column.unique().sort()
        return column.cast(pl.Enum(texts)).to_physical().cast(pl.Int64), len(texts)
    if not (column.dtype.is_integer() or column.dtype.is_temporal()):
        return None
    number = column.to_physical().cast(pl.Int64)
    least, most = number.min(), number.max()
    if not isinstance(least, int) or not isinstance(most, int) or most - least >= _MOST_VALUES:
        return None
    number, values = number - least, most - least + 1
    if column.dtype == pl.Datetime("us", "UTC") and not (number % _HOUR != 0).any():
        number, values = number // _HOUR, values // _HOUR + 1
    return number, values
