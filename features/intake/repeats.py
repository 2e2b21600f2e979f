"""Which requests of a run are repeats.

The rule: a request is known by its request_id (by its content where that is blank). Of several rows with one key the
one with the earliest timestamp stays, among equals the first in file order; what is stored already stays. An id that a
gateway reuses for different requests is therefore dropped as a repeat too: `ingest` prints how many were dropped.

Keys are spilled to scratch files and compared in buckets, so memory is bounded whatever the size of the run.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

_BUCKET_ROWS = 8_000_000


def write_keys(path: Path, rows: pl.DataFrame, source: int, file: int) -> None:
    """Spill the keys of some rows of a file.

    Args:
        path: of a new file; the keys are hashes.
        rows: with `request_key`, `timestamp` and `row`, the row's position in the file.
        source: of the file.
        file: its position among the files of the run.
    """
    marks = pl.lit(source, pl.Int64).alias("source"), pl.lit(file, pl.Int64).alias("file")
    rows.select("request_key", "timestamp", *marks, "row").write_parquet(path)


class Repeats:
    """Collects the keys of a run, then says which rows of each file to drop."""

    def __init__(self) -> None:
        self._parts: list[Path] = []
        self._dropped = pl.DataFrame(
            schema={"source": pl.Int64, "row": pl.UInt32, "timestamp": pl.Datetime("us", "UTC")}
        )

    def note(self, parts: Iterable[Path]) -> None:
        """Add keys that `write_keys` has spilled."""
        self._parts += parts

    def find(self, stored: pl.LazyFrame, since: datetime | None = None) -> None:
        """Compare all noted rows with one another and with the stored `request_key`s.

        Rows before `since`, of which nothing is stored any more, are no repeats themselves; later rows may repeat them.
        """
        if not self._parts:
            return
        noted = pl.scan_parquet(self._parts)
        buckets = 1 + int(noted.select(pl.len()).collect().item()) // _BUCKET_ROWS
        repeats = [
            _repeats(*(frame.filter(pl.col("request_key") % buckets == i) for frame in (noted, stored)))
            for i in range(buckets)
        ]
        rows = pl.concat(repeats)
        self._dropped = rows if since is None else rows.filter(pl.col("timestamp") >= since)

    @property
    def count(self) -> int:
        """How many rows to drop."""
        return len(self._dropped)

    def of(self, source: int) -> pl.Series:
        """Rows to drop from one file."""
        return self._dropped.filter(pl.col("source") == source)["row"]


def _repeats(noted: pl.LazyFrame, stored: pl.LazyFrame) -> pl.DataFrame:
    """`source`, `row` and `timestamp` of the noted rows that are repeats."""
    ranked = noted.sort("timestamp", "file", "row").with_columns(is_first=pl.col("request_key").is_first_distinct())
    old = ranked.join(stored.unique(), on="request_key", how="semi").select("source", "row", "timestamp")
    later = ranked.filter(~pl.col("is_first")).select("source", "row", "timestamp")
    return pl.concat([old, later]).unique().collect(engine="streaming")
