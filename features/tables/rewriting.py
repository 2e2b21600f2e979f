"""Tables without some rows, or with fewer and smaller files. Each changes in one commit or not at all."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, Schema
from deltalake.transaction import RemoveAction

from features.lake import TABLES, Lake, layout
from features.rollups import merge
from features.tables.data_files import DRAFT, DataFile, add_action, is_own_name, write_data_files
from features.tables.log_seal import LOG, seal_log
from features.tables.origins import note_origins, with_origins
from features.tables.retention_mark import mark_dropped

Rewrite = Callable[[pl.LazyFrame], pl.LazyFrame]
# Bytes of a week below which it becomes one file instead of seven, each of which has a footer of some kilobytes. Twice
# as much takes about twice the memory, some twenty times the bytes.
_SMALL_WEEK = 32_000_000
_NAMING = ("account_id", "same_as")  # columns that name an account
_KEY_BY = ("kind", "key", "account_id", "hour")


def erase_accounts(lake: Lake, accounts: Sequence[str]) -> dict[str, int]:
    """Remove the rows of accounts from every table, and every file that once held them.

    Returns:
        How many rows each table lost.
    """
    naming = {table: [name for name in _NAMING if name in layout(table).schema] for table in TABLES}
    return {
        table: _drop_rows(lake, table, ~pl.any_horizontal(pl.col(columns).is_in(list(accounts))))
        for table, columns in naming.items()
        if columns
    }


def drop_events(lake: Lake, before: datetime) -> int:
    """Remove the events before a time; their rollups stay. Returns how many they were."""
    if lake.open_table("events") is not None:
        mark_dropped(lake.folder("events"), before)
    return _drop_rows(lake, "events", pl.col("timestamp") >= before)


def compact_tables(lake: Lake) -> None:
    """Put the rows of each day, or small week, into one file of each table; remove what no table needs any more.

    Rollups of the same account, key and hour are added. Nothing that was computed from the tables becomes outdated.
    """
    merges: dict[str, Rewrite] = {"account_rollups": merge, "key_rollups": _add_keys}
    for table in TABLES:
        files = _files(lake, table)
        bins = [group["path"].to_list() for _, group in files.group_by("bin", maintain_order=True)]
        wanted = [paths for paths in bins if len(paths) > 1 or not is_own_name(Path(paths[0]).name)]
        if wanted:
            _replace(lake, table, wanted, merges.get(table, _as_they_are), keeps_origins=True)
        tidy(lake, table)


def tidy_tables(lake: Lake) -> None:
    """Remove what no table needs any more (`tidy`)."""
    for table in TABLES:
        tidy(lake, table)


def tidy(lake: Lake, table: str) -> None:
    """Remove the files and the log of earlier versions of a table, and what a killed run left."""
    delta_table, folder = lake.open_table(table), lake.folder(table)
    if delta_table is None:
        return
    live = {folder / path for path in _files(lake, table)["path"]}
    delta_table.create_checkpoint()
    newest = f"{delta_table.version():020d}."
    for log in (folder / LOG).iterdir():
        if log.name[:1].isdigit() and not log.name.startswith(newest):
            log.unlink()
    for path in [*folder.rglob("*.parquet"), *folder.glob(f"{DRAFT}*")]:
        if path.parent.name != LOG and path not in live:
            path.unlink(missing_ok=True)
    for partition in folder.glob("*=*"):
        if not any(partition.iterdir()):
            partition.rmdir()
    seal_log(folder)
    lake.remote.publish(folder)
    lake.remote.tidy(folder, live)


def _drop_rows(lake: Lake, table: str, wanted: pl.Expr) -> int:
    """Rewrite the files that hold a row that is not wanted, one by one."""
    dropped = 0
    groups = []
    for path in _files(lake, table)["path"]:
        count = int(lake.scan_files(table, [path]).select((~wanted).sum()).collect().item())
        dropped += count
        groups += [[path]] if count else []
    if groups:
        _replace(lake, table, groups, lambda frame: frame.filter(wanted), keeps_origins=False)
    tidy(lake, table)
    return dropped


def _replace(lake: Lake, table: str, groups: Iterable[list[str]], rewrite: Rewrite, *, keeps_origins: bool) -> None:
    """Put one file, or one for each partition, in the place of each group of files; all in one commit."""
    folder, files = lake.folder(table), _files(lake, table)
    written: list[DataFile] = []
    removed: list[str] = []
    made: dict[str, pl.DataFrame] = {}
    for paths in groups:
        rows = rewrite(lake.scan_files(table, paths)).collect(engine="streaming")
        new = write_data_files(folder, layout(table), _mark(paths), [rows])
        written += new
        removed += paths
        if keeps_origins:
            origins = with_origins(folder, files.filter(pl.col("path").is_in(paths)))
            made |= {file.path: origins for file in new}
    delta_table = lake.open_table(table)
    assert delta_table is not None  # it has files
    note_origins(folder, made, [*files["path"], *(file.path for file in written)])
    _commit(delta_table, table, written, files.filter(pl.col("path").is_in(removed)))
    seal_log(folder)
    lake.remote.publish(folder)


def _commit(delta_table: DeltaTable, table: str, written: list[DataFile], removed: pl.DataFrame) -> None:
    partition = layout(table).partition
    removals = [
        RemoveAction(path, True, 0, size=size, partition_values={} if partition is None else {partition: str(value)})
        for path, size, value in removed.select("path", "size_bytes", "partition").rows()
    ]
    schema: Schema = delta_table.schema()
    actions = [*removals, *map(add_action, written)]
    delta_table.create_write_transaction(actions, "append", schema, [partition] if partition else [])


def _files(lake: Lake, table: str) -> pl.DataFrame:
    """The files of a table: `path`, `size_bytes`, `partition`, `earliest`, and the `bin` that is to be one file."""
    schema = {"path": pl.String, "size_bytes": pl.Int64, "partition": pl.Date}
    delta_table, lies = lake.open_table(table), layout(table)
    files = pl.DataFrame() if delta_table is None else pl.DataFrame(delta_table.get_add_actions(flatten=True))
    if files.is_empty():
        return pl.DataFrame(schema=schema | {"earliest": pl.Datetime("us", "UTC"), "bin": pl.Date})
    nothing = pl.Series([None] * files.height)
    earliest = files.get_column(f"min.{lies.time}", default=nothing).cast(pl.Datetime("us", "UTC"))
    partition = files.get_column(f"partition.{lies.partition}", default=nothing).cast(pl.Date)
    listed = files.select("path", "size_bytes", partition=partition, earliest=earliest)
    day = pl.col("earliest").dt.date()
    week = day.dt.truncate("1w")
    is_small = pl.col("size_bytes").sum().over(week) <= _SMALL_WEEK
    return listed.with_columns(bin=pl.coalesce("partition", pl.when(is_small).then(week).otherwise(day))).sort(
        "bin", "path"
    )


def _add_keys(rollups: pl.LazyFrame) -> pl.LazyFrame:
    return rollups.group_by(_KEY_BY).agg(pl.col("requests").sum())


def _as_they_are(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows


def _mark(paths: list[str]) -> int:
    """Tell a rewritten file from others of the same content."""
    return int(hashlib.sha256("\n".join(sorted(paths)).encode()).hexdigest()[:16], 16)
