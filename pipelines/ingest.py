"""Ingest: check, deduplicate, reduce and append input files, each file entirely or not at all.

First every file is checked and nothing is written; then each file is appended in one commit. A killed run leaves
whole files only, and running it again gives the same tables as an undisturbed run.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from features.errors import InputError
from features.events import is_blank, request_key, to_account_rows, to_events, to_release_rows
from features.formats.intake import CheckedRows, InputFile, check_rows, find_input_files, read_batches
from features.formats.log_format import LogFormat
from features.formats.native import NATIVE
from features.formats.repeats import Repeats
from features.identity import Keyring
from features.progress import Progress
from features.schemas import INPUT_TABLES
from features.tables.account_versions import new_versions
from pipelines.workspace import Workspace

_TEXT = ("prompt", "system_prompt")
_KEYS = {  # columns that identify a row of a small table
    "enforcement": ["account_id", "action", "acted_at"],
    "releases": ["model"],
}


@dataclass
class TableCount:
    """What happened to the rows of one input table.

    Attributes:
        files: files read, with those that were stored before.
        stored_before: files whose content an earlier run stored; they are skipped.
        rows: rows read.
        stored: rows appended.
        repeats: rows dropped because a row with the same key is stored.
        malformed_addresses: addresses that could not be parsed and were set to null.
        rejects: broken rows by the rule of the contract that they break.
    """

    files: int = 0
    stored_before: int = 0
    rows: int = 0
    stored: int = 0
    repeats: int = 0
    malformed_addresses: int = 0
    rejects: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Inputs:
    """Paths of the input tables of one ingest; each may be absent."""

    requests: Path | None = None
    accounts: Path | None = None
    enforcement: Path | None = None
    releases: Path | None = None


def ingest(
    workspace: Workspace,
    inputs: Inputs,
    *,
    request_format: LogFormat = NATIVE,
    reject_limit: float,
    progress: Progress,
    now: datetime | None = None,
) -> dict[str, TableCount]:
    """Append the input tables to the workspace's lake.

    Args:
        workspace: the workspace to store in.
        inputs: the paths of the tables.
        request_format: the format of the requests' files; all other tables are native.
        reject_limit: share of a file's rows that may break the contract.
        progress: called with the step and the share done.
        now: the clock, from which on a changed account holds that has no `updated_at`; None leaves such rows out.

    Returns:
        Counts per table.

    Raises:
        InputError: a file is unusable or has too many broken rows; then nothing of this run is stored.
    """
    paths = {table: path for table, path in vars(inputs).items() if path is not None}
    if not paths:
        raise InputError("nothing to ingest: give --requests, --accounts, --enforcement or --releases.")
    counts = {table: TableCount() for table in paths}
    with workspace.locked("ingest") as scratch:
        keyring = workspace.keyring
        workspace.lake.catch_up()
        formats = {"requests": request_format}
        files_of = {table: find_input_files(path, table, formats.get(table, NATIVE)) for table, path in paths.items()}
        new = {table: _new_files(workspace, table, files, counts[table]) for table, files in files_of.items()}
        repeats = Repeats(scratch)
        rejects = _check_all(new, _Checks(keyring, repeats, reject_limit), counts, progress)
        repeats.find(workspace.lake.scan("events").select("request_key"))
        for table, files in new.items():
            for i, file in enumerate(files):
                progress(f"storing {table}", i / len(files))
                workspace.lake.append("rejects", [rejects[file.source]], file.source)
                if table == "requests":
                    _store_requests(workspace, file, keyring, repeats, counts[table])
                else:
                    _store_small(workspace, file, keyring, counts[table], now)
            progress(f"storing {table}", 1.0)
    return counts


def _new_files(workspace: Workspace, table: str, files: list[InputFile], count: TableCount) -> list[InputFile]:
    """Return the files whose content was not stored before, and count the others."""
    stored_as = "events" if table == "requests" else table
    lacking = workspace.lake.missing_sources(stored_as, [file.source for file in files])
    new = [file for file in files if file.source in lacking]
    count.files, count.stored_before = len(files), len(files) - len(new)
    return new


@dataclass(frozen=True)
class _Checks:
    """What the rows of one run are checked with."""

    keyring: Keyring
    repeats: Repeats
    reject_limit: float


def _check_all(
    new: dict[str, list[InputFile]], checks: _Checks, counts: dict[str, TableCount], progress: Progress
) -> dict[int, pl.DataFrame]:
    """Check every row of every file and note the requests' keys; return the rejects by source."""
    rejects = {}
    total = sum(file.rows for files in new.values() for file in files) or 1
    done = 0
    for table, files in new.items():
        for file in files:
            broken = []
            for checked in _checked(file, checks.keyring, _columns_to_check(file)):
                broken.append(checked.rejects)
                done += len(checked.good)
                if table == "requests":
                    checks.repeats.note(file.source, checked.good)
                progress("checking", done / total)
            rejected = pl.concat([_no_rejects(), *broken])
            _refuse_above(checks.reject_limit, file, rejected)
            counts[table].rows += file.rows
            counts[table].rejects.update(rejected["rule"].to_list())
            rejects[file.source] = rejected.with_columns(
                pl.col("row").cast(pl.Int64),
                pl.lit(table).alias("table"),
                pl.lit(file.source, pl.Int64).alias("source"),
            )
    return rejects


def _no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.String})


def _refuse_above(limit: float, file: InputFile, rejects: pl.DataFrame) -> None:
    broken = rejects["row"].n_unique()
    if broken > limit * file.rows:
        rule = rejects["rule"].mode().sort()[0]
        row = rejects.filter(pl.col("rule") == rule)["row"][0]
        raise InputError(
            f"{file.path}: {broken:,} of {file.rows:,} rows break the contract of {file.table} (most of them {rule}, "
            f"first in row {row}), more than the limit of {limit:.1%}: nothing was stored; correct the export or raise "
            "STILLWATCH_REJECT_LIMIT."
        )


def _checked(file: InputFile, keyring: Keyring, columns: list[str] | None = None) -> Iterator[CheckedRows]:
    """Yield the file's checked batches; requests come with their `request_key`."""
    for batch in read_batches(file, columns):
        checked = check_rows(batch, file.table)
        if file.table == "requests":
            keyed = checked.good.with_columns(request_key=request_key(keyring))
            checked = CheckedRows(keyed, checked.rejects)
        yield checked


def _columns_to_check(file: InputFile) -> list[str] | None:
    """Return all columns but the text, which no rule reads; None (all) if a request without an id needs its text."""
    if file.table != "requests":
        return None
    ids = read_batches(file, ["request_id"])
    if any(batch.select(is_blank("request_id").any()).item() for batch in ids):
        return None
    return [name for name in INPUT_TABLES["requests"].column_names() if name not in _TEXT]


def _store_requests(
    workspace: Workspace, file: InputFile, keyring: Keyring, repeats: Repeats, count: TableCount
) -> None:
    """Append one file of requests as events, then its rollups."""
    dropped = repeats.of(file.source)
    count.repeats += len(dropped)

    def events() -> Iterator[pl.DataFrame]:
        for checked in _checked(file, keyring):
            first = checked.good.filter(~pl.col("row").is_in(dropped.implode()))
            reduced, malformed = to_events(first, keyring, file.source)
            count.malformed_addresses += malformed
            count.stored += len(reduced)
            yield reduced

    workspace.lake.append("events", events(), file.source)
    workspace.lake.roll_up(file.source)


def _store_small(
    workspace: Workspace, file: InputFile, keyring: Keyring, count: TableCount, now: datetime | None
) -> None:
    """Append a table that fits in memory; rows whose key is stored already are dropped."""
    parts = [checked.good for checked in _checked(file, keyring)]
    if not parts:  # a table without rows
        return
    good = pl.concat(parts)
    if file.table == "accounts":
        good, count.malformed_addresses = to_account_rows(good, keyring)
        fresh = new_versions(workspace.lake.scan("accounts").collect(), good, now)
    else:
        good = to_release_rows(good, keyring) if file.table == "releases" else good
        key = _KEYS[file.table]
        stored = workspace.lake.scan(file.table).select(key).collect()
        fresh = good.unique(key, keep="first", maintain_order=True).join(stored, on=key, how="anti", nulls_equal=True)
    workspace.lake.append(file.table, [fresh], file.source)
    count.stored += len(fresh)
    count.repeats += len(good) - len(fresh)
