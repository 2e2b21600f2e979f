"""Ingest: check, deduplicate, reduce and append input files, each file entirely or not at all.

First every file is checked, and what its good rows are reduced to is put aside; then each file is appended in one
commit. A killed run leaves whole files only, and running it again gives the same tables as an undisturbed run.

Both steps are a unit of work for each file, which the workspace's engine may run anywhere. The commits are made here,
in the order of the files, so the tables are the same to the bit whoever did the work.
"""

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from features.errors import InputError
from features.formats.log_format import LogFormat
from features.formats.native import NATIVE
from features.identity import SECRET_BYTES, Keyring
from features.intake.files import InputFile, find_input_files
from features.intake.repeats import Repeats
from features.intake.values.reading import AS_IT_IS, LogOptions
from features.lake import Lake
from features.progress import Progress
from features.schemas import Aliases
from features.tables.account_versions import new_versions
from features.tables.aliases import check_aliases
from features.tables.retention_mark import events_from
from pipelines.execute.engine import in_order
from pipelines.inputs.checks import (
    CheckedFile,
    Checks,
    IngestRefusedError,
    TableCount,
    check_files,
    checked_rows,
    refuse_unusable,
)
from pipelines.inputs.written_requests import write_requests
from pipelines.workspace import Workspace

_KEYS = {  # columns that identify a row of a small table
    "enforcement": ["account_id", "action", "acted_at"],
    "labels": ["account_id", "label", "labelled_at"],
    "releases": ["model"],
    "aliases": ["account_id", "same_as", "since"],
}


@dataclass(frozen=True)
class Inputs:
    """Paths of the input tables of one ingest; each may be absent."""

    requests: Path | None = None
    accounts: Path | None = None
    enforcement: Path | None = None
    releases: Path | None = None
    aliases: Path | None = None


@dataclass(frozen=True)
class LogSettings:
    """How the requests' log is read.

    Attributes:
        request_format: of the requests' files; all other tables are native.
        options: what a person says of the log.
    """

    request_format: LogFormat = NATIVE
    options: LogOptions = AS_IT_IS


AS_NATIVE = LogSettings()  # files of the contract's own columns, of which nothing is said


def ingest(
    workspace: Workspace,
    inputs: Inputs,
    *,
    log: LogSettings = AS_NATIVE,
    reject_limit: float,
    progress: Progress,
    now: datetime | None = None,
) -> dict[str, TableCount]:
    """Append the input tables to the workspace's lake.

    Args:
        workspace: the workspace to store in.
        inputs: the paths of the tables.
        log: how the requests' log is read.
        reject_limit: share of a file's rows that may break the contract.
        progress: called with the step and the share done.
        now: the clock, from which on a changed account holds that has no `updated_at`; None leaves such rows out.

    Returns:
        Counts per table.

    Raises:
        InputError: a file is unusable or has too many broken rows; then nothing of this run is stored.
    """
    files_of = _find_files(inputs, log)
    counts = {table: TableCount() for table in files_of}
    with workspace.locked("ingest") as scratch:
        keyring = workspace.keyring
        workspace.lake.catch_up()
        new = {table: _new_files(workspace, table, files, counts[table]) for table, files in files_of.items()}
        held_from = events_from(workspace.lake.folder("events"))
        checks = Checks(keyring, log.options, reject_limit, scratch, held_from)
        checked = check_files(workspace.engine, new, checks, counts, progress)
        refuse_unusable(checked, reject_limit, counts)
        _check_aliases(workspace, new.get("aliases", []), checks, counts)
        repeats = _find_repeats(workspace.lake, checked, held_from)
        for table, files in checked.items():
            progress(f"storing {table}", 0.0)
            if table == "requests":
                _store_requests(workspace, files, repeats, counts[table], progress)
            else:
                for file in files:
                    _store_small(workspace, file, counts[table], now)
            progress(f"storing {table}", 1.0)
    return counts


@dataclass(frozen=True)
class Rehearsal:
    """What an ingest would do.

    Attributes:
        counts: per table; `stored` counts the rows that would be.
        refusal: why nothing would be stored; empty if all is well.
    """

    counts: dict[str, TableCount]
    refusal: str


def rehearse_ingest(
    workspace: Workspace,
    inputs: Inputs,
    *,
    log: LogSettings = AS_NATIVE,
    reject_limit: float,
    progress: Progress,
) -> Rehearsal:
    """Check the input tables as `ingest` does, and store nothing.

    Raises:
        InputError: a file can't be read at all.
    """
    files_of = _find_files(inputs, log)
    counts = {table: TableCount() for table in files_of}
    has_keys = (workspace.root / "key.fingerprint").exists()
    keyring = workspace.keyring if has_keys else Keyring(secrets.token_bytes(SECRET_BYTES))
    new = {table: _new_files(workspace, table, files, counts[table]) for table, files in files_of.items()}
    held_from = events_from(workspace.lake.folder("events"))
    refusal = ""
    with tempfile.TemporaryDirectory() as scratch:
        checks = Checks(keyring, log.options, reject_limit, Path(scratch), held_from, is_rehearsal=True)
        checked = check_files(workspace.engine, new, checks, counts, progress)
        try:
            refuse_unusable(checked, reject_limit, counts)
            _check_aliases(workspace, new.get("aliases", []), checks, counts)
        except IngestRefusedError as error:
            refusal = str(error)
        if "requests" in counts:
            counts["requests"].repeats = _find_repeats(workspace.lake, checked, held_from).count
    return Rehearsal(counts, refusal)


def _find_files(inputs: Inputs, log: LogSettings) -> dict[str, list[InputFile]]:
    paths = {table: path for table, path in vars(inputs).items() if path is not None}
    if not paths:
        raise InputError("nothing to ingest: give --requests, --accounts, --enforcement, --releases or --aliases.")
    formats = {"requests": log.request_format}
    return {table: find_input_files(path, table, formats.get(table, NATIVE)) for table, path in paths.items()}


def _new_files(workspace: Workspace, table: str, files: list[InputFile], count: TableCount) -> list[InputFile]:
    """Return the files whose content was not stored before, and count the others."""
    stored_as = "events" if table == "requests" else table
    lacking = workspace.lake.missing_sources(stored_as, [file.source for file in files])
    new = [file for file in files if file.source in lacking]
    count.files, count.stored_before = len(files), len(files) - len(new)
    return new


def _find_repeats(lake: Lake, checked: dict[str, list[CheckedFile]], held_from: datetime | None) -> Repeats:
    repeats = Repeats()
    for file in checked.get("requests", []):
        repeats.note(file.keys)
    repeats.find(lake.scan("events").select("request_key"), held_from)
    return repeats


def _store_requests(
    workspace: Workspace, files: list[CheckedFile], repeats: Repeats, count: TableCount, progress: Progress
) -> None:
    """Append the events of each file without its repeated rows, and their rollups, in the order of the files."""
    lake = workspace.lake
    calls = [(lake, each.file.source, each.reduced, repeats.of(each.file.source)) for each in files]
    written = in_order(workspace.engine.run(write_requests, calls))
    for i, (each, requests, (*_, repeated)) in enumerate(zip(files, written, calls, strict=True)):
        lake.append("rejects", [each.rejects], each.file.source)
        requests.commit(lake)
        count.stored += requests.events
        count.repeats += len(repeated)
        shutil.rmtree(each.reduced.folder)
        progress("storing requests", (i + 1) / len(files))


def _check_aliases(workspace: Workspace, files: list[InputFile], checks: Checks, counts: dict[str, TableCount]) -> None:
    """Check the aliases of this run together with those that are stored.

    Raises:
        IngestRefusedError: an account would be the same as two others, or as itself in a circle.
    """
    if files:
        batches = (checked_rows(file, checks.keyring, checks.options) for file in files)
        new = [checked.good.select(Aliases.column_names()) for batch in batches for checked in batch]
        try:
            check_aliases(pl.concat([workspace.lake.scan("aliases").collect(), *new]))
        except InputError as error:
            raise IngestRefusedError(f"{error} Nothing was stored.", counts) from error


def _store_small(workspace: Workspace, checked: CheckedFile, count: TableCount, now: datetime | None) -> None:
    """Append a table that fits in memory; rows whose key is stored already are dropped."""
    file, parts = checked.file, list(checked.reduced.read())
    workspace.lake.append("rejects", [checked.rejects], file.source)
    if not parts:  # a table without rows
        return
    good = pl.concat(parts)
    if file.table == "accounts":
        fresh = new_versions(workspace.lake.scan("accounts").collect(), good, now)
        workspace.lake.append(file.table, [fresh], file.source)
        stored = len(fresh)
    else:
        stored = append_new_rows(workspace.lake, file.table, good, file.source)
    count.stored += stored
    count.repeats += len(good) - stored


def append_new_rows(lake: Lake, table: str, good: pl.DataFrame, source: int) -> int:
    """Append those rows of a small table whose key is not stored yet, and return how many they were."""
    key = _KEYS[table]
    stored = lake.scan(table).select(key).collect()
    fresh = good.unique(key, keep="first", maintain_order=True).join(stored, on=key, how="anti", nulls_equal=True)
    lake.append(table, [fresh], source)
    return len(fresh)
