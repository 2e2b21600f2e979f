"""Carrying tables of an older contract over to the present one, as far as the logs are not needed for it."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.transaction import create_table_with_add_actions

from features.errors import InputError
from features.lake import TABLES, Lake, layout
from features.tables.data_files import add_action, write_data_files
from features.tables.log_seal import LOG, check_log, seal_log
from features.tables.retention_mark import events_from

_NEW, _OLD = "_migrated-", "_replaced-"  # begin the names of folders beside the tables while one takes another's place
_FILLED = {("accounts", "valid_from"): "created_at"}  # columns that take the value of another one
_DERIVED = ("account_rollups", "key_rollups")  # computed from events


@dataclass(frozen=True)
class Change:
    """What is other in a stored table.

    Attributes:
        table: its name.
        lacks: columns of the contract that it does not have.
        extra: columns that the contract no longer has.
        is_derived: it can be computed again from the events.
    """

    table: str
    lacks: tuple[str, ...]
    extra: tuple[str, ...]
    is_derived: bool

    @property
    def needs_logs(self) -> tuple[str, ...]:
        """Columns that can't be null and that only the logs have."""
        columns = TABLES[self.table].columns()
        named = {name for name in self.lacks if not columns[name].nullable and (self.table, name) not in _FILLED}
        return () if self.is_derived else tuple(sorted(named))


def plan_changes(lake: Lake) -> list[Change]:
    """Compare the stored tables with their contracts.

    Raises:
        InputError: a table lacks what only the logs have; the message says which are to be ingested again.
    """
    _finish_replacements(lake)
    changes = [change for table in TABLES if (change := _compare(lake, table)) is not None]
    lacking = [f"{change.table} ({', '.join(change.needs_logs)})" for change in changes if change.needs_logs]
    if lacking:
        raise InputError(
            f"the tables of {lake.root} lack columns that only the logs have: {'; '.join(lacking)}: ingest the logs "
            "into a new workspace."
        )
    begin = events_from(lake.folder("events"))
    if begin is not None and any(change.is_derived for change in changes):
        raise InputError(
            f"the rollups of {lake.root} are of an older version, and the events before {begin:%Y-%m-%dT%H:%M:%SZ} "
            "that they came from were dropped: ingest the logs into a new workspace."
        )
    return changes


def apply_changes(lake: Lake, changes: list[Change]) -> None:
    """Carry the tables over: new columns are null, old ones are dropped, rollups are computed again."""
    for change in changes:
        if change.is_derived:
            shutil.rmtree(lake.folder(change.table))
        else:
            _carry_over(lake, change)
    lake.catch_up()


def _compare(lake: Lake, table: str) -> Change | None:
    folder, contract = lake.folder(table), layout(table).schema
    if not (folder / LOG).exists():
        return None
    check_log(folder)
    stored = {field.name for field in DeltaTable(folder).schema().fields}
    lacks, extra = sorted(contract.keys() - stored), sorted(stored - contract.keys())
    if not lacks and not extra:
        return None
    return Change(table, tuple(lacks), tuple(extra), table in _DERIVED)


def _carry_over(lake: Lake, change: Change) -> None:
    """Write a table anew beside the old one, then let it take its place."""
    lies, old = layout(change.table), lake.folder(change.table)
    new = lake.root / f"{_NEW}{change.table}"
    shutil.rmtree(new, ignore_errors=True)  # a killed run's
    files = pl.DataFrame(DeltaTable(old).get_add_actions(flatten=True))
    paths = files["path"].to_list() if len(files) else []
    fills = {name: _FILLED.get((change.table, name)) for name in change.lacks}
    added = [
        (pl.lit(None) if source is None else pl.col(source)).cast(lies.schema[name]).alias(name)
        for name, source in fills.items()
    ]
    written = []
    for number, path in enumerate(paths):
        rows = pl.read_parquet(old / path, hive_partitioning=lies.partition is not None).with_columns(added)
        written += write_data_files(new, lies, number, [rows])
    new.mkdir(exist_ok=True)
    schema = pl.DataFrame(schema=lies.schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    create_table_with_add_actions(
        str(new),
        Schema.from_arrow(schema),
        [add_action(file) for file in written],
        partition_by=[lies.partition] if lies.partition else [],
        commit_properties=CommitProperties(app_transactions=[Transaction(name, 1) for name in _sources(old)]),
    )
    seal_log(new)
    old.rename(lake.root / f"{_OLD}{change.table}")
    new.rename(old)
    shutil.rmtree(lake.root / f"{_OLD}{change.table}")


def _finish_replacements(lake: Lake) -> None:
    """Complete what a killed run left between two names."""
    for replaced in lake.root.glob(f"{_OLD}*"):
        folder = lake.root / replaced.name.removeprefix(_OLD)
        if folder.exists():
            shutil.rmtree(replaced)
        else:
            replaced.rename(folder)


def _sources(folder: Path) -> list[str]:
    """The inputs that a table remembers, from the checkpoint and the commits of its log."""
    sources: set[str] = set()
    for checkpoint in (folder / LOG).glob("*.checkpoint.parquet"):
        if "txn" in (table := pl.read_parquet(checkpoint)).columns:
            sources |= set(table["txn"].struct.field("appId").drop_nulls())
    for commit in (folder / LOG).glob("*.json"):
        entries = (json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines())
        sources |= {entry["txn"]["appId"] for entry in entries if "txn" in entry}
    return sorted(sources)
