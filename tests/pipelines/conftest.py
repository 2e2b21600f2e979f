"""Small inputs for tests of whole commands."""

from pathlib import Path

import polars as pl
import pytest


@pytest.fixture(scope="module")
def few(made_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small files of requests, with repeats within and across them, blank ids and broken rows."""
    folder = tmp_path_factory.mktemp("few")
    days = sorted((made_world / "requests").iterdir())[:4]
    frames = [pl.read_parquet(day).head(400) for day in days]
    (folder / "requests").mkdir()
    for i, frame in enumerate(frames):
        again = frames[i - 1].head(20).with_columns(timestamp=pl.col("timestamp") + pl.duration(seconds=i - 2))
        blank = frame.tail(5).with_columns(request_id=pl.lit(" "))
        broken = frame.tail(2).with_columns(status_code=pl.lit(7, pl.UInt16))
        whole = pl.concat([frame, again, frame.head(10), blank, broken])
        whole.write_parquet(folder / "requests" / f"{i}.parquet")
    for name in ("accounts", "enforcement", "releases"):
        pl.read_parquet(made_world / f"{name}.parquet").head(200).write_parquet(folder / f"{name}.parquet")
    return folder
