"""What is written of a file's requests: events and their rollups, in data files that no table's log holds yet."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from features.lake import Lake, layout
from features.rollups import ROLL_UPS
from features.tables.data_files import DataFile, write_data_files
from pipelines.inputs.reduced_rows import ReducedRows


@dataclass(frozen=True)
class WrittenRequests:
    """The data files of one input file.

    Attributes:
        source: the input file.
        events: how many there are.
        files: by table, in the order in which their logs take them up.
    """

    source: int
    events: int
    files: dict[str, list[DataFile]]

    def commit(self, lake: Lake) -> None:
        """Let the tables hold them: each table in one commit, or not at all."""
        for table, written in self.files.items():
            if not lake.has(table, self.source):
                lake.commit(table, written, [self.source])


def write_requests(lake: Lake, source: int, reduced: ReducedRows, repeated: pl.Series) -> WrittenRequests:
    """Write the events of one file without its repeated rows, and their rollups: a unit of work.

    Written again, the files are the same, and so are their names.
    """
    count = 0

    def first_events() -> Iterator[pl.DataFrame]:
        nonlocal count
        for rows in reduced.read():
            first = rows.filter(~pl.col("row").is_in(repeated.implode())).drop("row")
            count += len(first)
            yield first

    files = {"events": write_data_files(lake.folder("events"), layout("events"), source, first_events())}
    events = lake.scan_files("events", [file.path for file in files["events"]])
    for table, roll_up in ROLL_UPS.items():
        rolled = roll_up(events).collect(engine="streaming")
        files[table] = write_data_files(lake.folder(table), layout(table), source, [rolled])
    return WrittenRequests(source, count, files)
