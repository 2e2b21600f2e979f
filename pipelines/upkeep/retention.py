"""Retention and size: old events and read-outs are dropped, and tables are put into fewer files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.errors import InputError
from features.lake import Lake
from features.store.erasure import drop_read_outs
from features.tables.rewriting import compact_tables, drop_events, tidy_tables
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Pruned:
    """What a pruning dropped, and the size of the lake before and after in bytes."""

    events: int
    read_outs: int
    size_before: int
    size_after: int


@dataclass(frozen=True)
class LakeSizes:
    """The size and the number of the lake's files before and after, and how many events it holds."""

    size_before: int
    size_after: int
    files_before: int
    files_after: int
    events: int


def prune_lake(workspace: Workspace, before: datetime, *, now: datetime) -> Pruned:
    """Drop events before a time, and read-outs of earlier times; rollups and the ends of weeks stay.

    Args:
        workspace: the workspace.
        before: the begin of the hour that is the first to stay.
        now: the clock.

    Raises:
        InputError: the time lies in the future, or within an hour.
    """
    if before > now:
        raise InputError(f"--before {before:%Y-%m-%dT%H:%M:%SZ} lies in the future: give an earlier time.")
    if before != before.replace(minute=0, second=0, microsecond=0):
        raise InputError(f"--before {before:%Y-%m-%dT%H:%M:%SZ} lies within an hour: give a full hour.")
    workspace.lake.catch_up()
    size_before = sum(_sizes(workspace))
    events = drop_events(workspace.lake, before)
    read_outs = drop_read_outs(workspace.lookup, before)
    return Pruned(events, read_outs, size_before, sum(_sizes(workspace)))


def compact_lake(workspace: Workspace) -> LakeSizes:
    """Put each day of each table into one file, and remove the files of earlier versions."""
    return _tidied(workspace, compact_tables)


def vacuum_lake(workspace: Workspace) -> LakeSizes:
    """Remove the files of earlier versions of each table, and what killed runs left; no file is written anew."""
    return _tidied(workspace, tidy_tables)


def _tidied(workspace: Workspace, tidying: Callable[[Lake], None]) -> LakeSizes:
    before = _sizes(workspace)
    workspace.lake.catch_up()
    tidying(workspace.lake)
    events, after = int(workspace.lake.scan("events").select(pl.len()).collect().item()), _sizes(workspace)
    return LakeSizes(sum(before), sum(after), len(before), len(after), events)


def _sizes(workspace: Workspace) -> list[int]:
    """Bytes of each file of the lake, wherever it lies."""
    if workspace.mirror is not None:
        return workspace.mirror.sizes()
    return [path.stat().st_size for path in workspace.lake.root.rglob("*") if path.is_file()]
