"""Which requests of a run are repeats.

The rule: a request is known by its request_id (by its content where that is blank). Of several rows with one key the
one with the earliest timestamp stays, among equals the first in file order; what is stored already stays. An id that a
gateway reuses for different requests is therefore dropped as a repeat too: `ingest` prints how many were dropped.

Keys are spilled to scratch files and compared in buckets, so memory is bounded whatever the size of the run.
"""

from datetime import datetime
from pathlib import Path

import polars as pl

_BUCKET_ROWS = 8_000_000


class Repeats:
    """Collects the keys of a run, then says which rows of each file to drop.

    Args:
        scratch: an empty folder for the spilled keys (hashes only).
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._rows = 0
        self._parts = 0
        self._dropped = pl.DataFrame(
            schema={"source": pl.Int64, "row": pl.UInt32, "timestamp": pl.Datetime("us", "UTC")}
        )

    def note(self, source: int, rows: pl.DataFrame) -> None:
        """Add rows with `request_key`, `timestamp` and `row`, in file order."""
        rows.select(
            "request_key",
            "timestamp",
            pl.lit(source, pl.Int64).alias("source"),
            "row",
            pl.int_range(self._rows, self._rows + pl.len()).alias("order"),
        ).write_parquet(self._scratch / f"{source}-{self._parts:06d}.keys.parquet")
        self._rows += len(rows)
        self._parts += 1

    def discard(self, source: int) -> None:
        """Take back what was added of one file."""
        for path in self._scratch.glob(f"{source}-*.keys.parquet"):
            path.unlink()

    def find(self, stored: pl.LazyFrame, since: datetime | None = None) -> None:
        """Compare all noted rows with one another and with the stored `request_key`s.

        Rows before `since`, of which nothing is stored any more, are no repeats themselves; later rows may repeat them.
        """
        parts = sorted(self._scratch.glob("*.keys.parquet"))
        if not parts:
            return
        noted = pl.scan_parquet(parts)
        buckets = 1 + self._rows // _BUCKET_ROWS
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
    ranked = noted.sort("timestamp", "order").with_columns(is_first=pl.col("request_key").is_first_distinct())
    old = ranked.join(stored.unique(), on="request_key", how="semi").select("source", "row", "timestamp")
    later = ranked.filter(~pl.col("is_first")).select("source", "row", "timestamp")
    return pl.concat([old, later]).unique().collect(engine="streaming")
