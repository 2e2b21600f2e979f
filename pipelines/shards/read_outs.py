"""The read-out of features, split by account.

What crosses accounts is read once, here; then each unit reads out a part of the accounts, and those features that
compare an account with all others are added at the end. The functions are those of `features.accounts.read_out`.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from features.accounts import compare_parts, read_out, read_out_families
from features.families.history import Crossing, read_crossing, read_history
from features.families.lake_sums import Chosen, LakeSums
from features.lake import Lake
from pipelines.execute.engine import IN_PROCESS, Engine, own_folder


def read_out_shards(
    engine: Engine, lake: Lake, as_of: datetime, scratch: Path, report: Callable[[float], None]
) -> pl.DataFrame:
    """Read the features of all accounts as known at a time (`features.accounts.read_out`), bit for bit the same.

    Args:
        engine: reads out the parts.
        lake: the lake.
        as_of: the time.
        scratch: a folder that the engine's workers see.
        report: called with the share done.
    """
    if engine is IN_PROCESS:
        return read_out(lake, as_of)
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        sums = LakeSums(lake)
        crossing = read_crossing(sums, as_of, lake.seen(as_of))
        _write(crossing, folder)
        parts = min(-(-crossing.parts // engine.workers) * engine.workers, len(crossing.seen))
        calls = [(lake, as_of, folder, number, parts) for number in range(parts)]
        read: list[pl.DataFrame] = []
        for _, path in engine.run(read_out_shard, calls):
            read.append(pl.read_ipc(path))
            report(len(read) / parts)
        return compare_parts(sums, as_of, read, are_all=True)


def read_out_shard(lake: Lake, as_of: datetime, folder: Path, number: int, parts: int) -> Path:
    """Read out one of so many parts of the accounts into a file: a unit of work.

    Args:
        lake: the lake.
        as_of: the time.
        folder: holds what crosses accounts.
        number: of the part.
        parts: how many there are.
    """
    crossing = _read(as_of, folder, parts)
    chosen = Chosen(crossing.part(number, parts)["account_id"], are_neighbours=True)
    features = read_out_families(read_history(LakeSums(lake), crossing, chosen))
    path = own_folder(folder) / "features.arrow"
    features.write_ipc(path)
    return path


_FRAMES = tuple(field.name for field in fields(Crossing) if field.name not in ("as_of", "parts"))


def _write(crossing: Crossing, folder: Path) -> None:
    for name in _FRAMES:
        getattr(crossing, name).write_ipc(folder / f"{name}.arrow")


def _read(as_of: datetime, folder: Path, parts: int) -> Crossing:
    frames = {name: pl.read_ipc(folder / f"{name}.arrow") for name in _FRAMES}
    return Crossing(as_of=as_of, parts=parts, **frames)
