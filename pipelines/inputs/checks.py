"""Every row of every input file is checked, and counted, before anything is stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from features.errors import InputError
from features.events import is_blank, request_key, to_account_rows, to_events, to_release_rows
from features.identity import Keyring, parse_addresses
from features.intake.files import InputFile
from features.intake.repeats import write_keys
from features.intake.report import Problem, Tally, describe_refusal
from features.intake.rows import CheckedRows, check_rows, read_batches
from features.intake.values.reading import LogOptions
from features.progress import Progress
from features.schemas import INPUT_TABLES
from pipelines.execute.engine import Engine, own_folder
from pipelines.inputs.reduced_rows import ReducedRows

_TEXT = ("prompt", "system_prompt")
_ADDRESSES = {"requests": "client_address", "accounts": "signup_address"}
_TIMES = {
    "requests": ("timestamp",),
    "accounts": ("created_at", "updated_at"),
    "labels": ("labelled_at",),
    "enforcement": ("acted_at",),
    "releases": ("released_at",),
    "aliases": ("since",),
}
_SHARED = ("organization_id", "payment_fingerprint")  # of accounts, and looked at for a value that too many have


@dataclass
class Contents:
    """What the good rows of one file hold, as far as it may deserve a look.

    Attributes:
        good: how many there are.
        addresses: addresses given.
        malformed: those of them that are none.
        pruned: requests from before the time before which events were dropped (`stillwatch prune`).
        latest: the last time.
        account_ids: accounts, each once per batch; of requests and accounts.
        shared: `column`, `value`, `count`: what accounts can share.
    """

    good: int = 0
    addresses: int = 0
    malformed: int = 0
    pruned: int = 0
    latest: datetime | None = None
    account_ids: list[pl.Series] = field(default_factory=list)
    shared: list[pl.DataFrame] = field(default_factory=list)

    def add(self, table: str, good: pl.DataFrame, malformed: int = 0) -> None:
        """Count a batch of rows that keep the contract, and how many of their addresses are none."""
        self.good += len(good)
        self.malformed += malformed
        if table in _ADDRESSES:
            self.addresses += good[_ADDRESSES[table]].count()
            self.account_ids.append(good["account_id"].unique())
        latest = good.select(pl.max_horizontal(pl.col(_TIMES[table]).max())).item()
        if isinstance(latest, datetime):
            self.latest = max(latest, self.latest or latest)
        if table == "accounts":
            columns = good.select(_SHARED).unpivot(variable_name="column").drop_nulls()
            self.shared.append(columns.group_by("column", "value").agg(count=pl.len()))


@dataclass
class TableCount:
    """What happened to the rows of one input table.

    Attributes:
        files: files read, with those that were stored before.
        stored_before: files whose content an earlier run stored; they are skipped.
        rows: rows read.
        skipped: further records, which are no requests.
        stored: rows appended.
        repeats: rows dropped because a row with the same key is stored.
        pruned: requests left out: they lie before the time before which events were dropped.
        malformed_addresses: addresses that could not be parsed and were set to null.
        rejects: broken rows by the rule of the contract that they break.
        changes: values that were changed, by column and kind (of `features.intake.report.CHANGES`).
        problems: all problems of the files.
        contents: of each file.
    """

    files: int = 0
    stored_before: int = 0
    rows: int = 0
    skipped: int = 0
    stored: int = 0
    repeats: int = 0
    pruned: int = 0
    malformed_addresses: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    contents: list[Contents] = field(default_factory=list)

    def add(self, tally: Tally, contents: Contents) -> None:
        """Count a file."""
        self.rows += tally.rows
        self.skipped += tally.skipped
        self.pruned += contents.pruned
        self.malformed_addresses += contents.malformed
        self.rejects.update(tally.rejects)
        self.changes.update(tally.changes)
        self.problems += tally.problems()
        self.contents.append(contents)


@dataclass(frozen=True)
class Checks:
    """What the rows of one run are checked with.

    Attributes:
        keyring: of the workspace.
        options: what a person says of the requests' log.
        reject_limit: share of a file's rows that may break the contract.
        scratch: a folder that is removed at the end of the run, or by the next one if this one is killed.
        held_from: the time before which events were dropped; None for none.
        is_rehearsal: whether nothing will be stored of the rows.
    """

    keyring: Keyring
    options: LogOptions
    reject_limit: float
    scratch: Path
    held_from: datetime | None = None
    is_rehearsal: bool = False


@dataclass(frozen=True)
class CheckedFile:
    """What the check of one file gives.

    Attributes:
        file: the file.
        tally: counts what the checks said.
        contents: what the good rows hold.
        rejects: the broken rows, as the lake stores them.
        keys: spilled keys of its requests (`features.intake.repeats`).
        reduced: what will be stored of its rows.
    """

    file: InputFile
    tally: Tally
    contents: Contents
    rejects: pl.DataFrame
    keys: list[Path]
    reduced: ReducedRows


class IngestRefusedError(InputError):
    """Files can't be stored.

    Attributes:
        counts: what was read, per table.
    """

    def __init__(self, sentence: str, counts: Mapping[str, TableCount]) -> None:
        super().__init__(sentence)
        self.counts = counts


class _TextNeededError(Exception):
    """A request has no id, so that it is told apart by its text."""


def check_files(
    engine: Engine,
    new: dict[str, list[InputFile]],
    checks: Checks,
    counts: dict[str, TableCount],
    progress: Progress,
) -> dict[str, list[CheckedFile]]:
    """Check every row of every file, spill the requests' keys, and reduce the good rows."""
    files = [file for of_table in new.values() for file in of_table]
    sizes = [file.path.stat().st_size for file in files]
    checked: dict[int, CheckedFile] = {}
    done = 0
    for number, result in engine.run(check_file, [(file, i, checks) for i, file in enumerate(files)]):
        checked[number] = result
        done += sizes[number]
        progress("checking", done / (sum(sizes) or 1))
    results = [checked[number] for number in range(len(files))]
    for each in results:
        counts[each.file.table].add(each.tally, each.contents)
    return {table: [each for each in results if each.file.table == table] for table in new}


def refuse_unusable(checked: dict[str, list[CheckedFile]], limit: float, counts: dict[str, TableCount]) -> None:
    """Refuse files of which a column as a whole or too large a share of the rows can't be stored.

    Raises:
        IngestRefusedError: there are any; the message names all problems of all such files.
    """
    refusal = describe_refusal([each.tally for files in checked.values() for each in files], limit)
    if refusal:
        sentence = f"{refusal}: nothing was stored; correct the export or raise STILLWATCH_REJECT_LIMIT."
        raise IngestRefusedError(sentence, counts)


def check_file(file: InputFile, number: int, checks: Checks) -> CheckedFile:
    """Check one file: a unit of work. `number` is its position among the files of the run."""
    try:
        return _check_columns(file, number, checks, _checked_columns(file.table, checks))
    except _TextNeededError:
        return _check_columns(file, number, checks, None)


def _checked_columns(table: str, checks: Checks) -> list[str] | None:
    """Return the columns to read, None for all: no rule reads the text, so it is left out if nothing will be stored."""
    if table != "requests" or not checks.is_rehearsal:
        return None
    return [name for name in INPUT_TABLES[table].column_names() if name not in _TEXT]


def _check_columns(file: InputFile, number: int, checks: Checks, columns: list[str] | None) -> CheckedFile:
    """Check some columns of a file, or all."""
    tally, contents, reduced = Tally(file), Contents(), ReducedRows(own_folder(checks.scratch))
    keys: list[Path] = []
    rejects = [pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.String})]
    for checked in checked_rows(file, checks.keyring, checks.options, columns):
        if file.table == "requests":
            if columns is not None and checked.good.select(is_blank("request_id").any()).item():
                raise _TextNeededError
            keys.append(reduced.folder / f"{len(keys):06d}.keys.parquet")
            write_keys(keys[-1], checked.good, file.source, number)
            if checks.held_from is not None:
                contents.pruned += int((checked.good["timestamp"] < checks.held_from).sum())
        tally.add(checked)
        contents.add(file.table, checked.good, _reduce(file, checked.good, checks, reduced))
        rejects.append(checked.rejects)
    broken = pl.concat(rejects).with_columns(
        pl.col("row").cast(pl.Int64), table=pl.lit(file.table), source=pl.lit(file.source, pl.Int64)
    )
    return CheckedFile(file, tally, contents, broken, keys, reduced)


def _reduce(file: InputFile, good: pl.DataFrame, checks: Checks, put_aside: ReducedRows) -> int:
    """Put aside what will be stored of a batch, if anything; return how many of its addresses are none."""
    malformed, reduced = 0, good
    if checks.is_rehearsal:
        if file.table in _ADDRESSES:
            addresses = good[_ADDRESSES[file.table]]
            malformed = addresses.count() - parse_addresses(addresses)["address"].count()
        return malformed
    if file.table == "requests":
        events, malformed = to_events(good, checks.keyring, file.source)
        reduced = events.with_columns(good["row"])
        if checks.held_from is not None:
            reduced = reduced.filter(pl.col("timestamp") >= checks.held_from)
    elif file.table == "accounts":
        reduced, malformed = to_account_rows(good, checks.keyring)
    elif file.table == "releases":
        reduced = to_release_rows(good, checks.keyring)
    put_aside.add(reduced)
    return malformed


def checked_rows(
    file: InputFile, keyring: Keyring, options: LogOptions, columns: list[str] | None = None
) -> Iterator[CheckedRows]:
    """Yield the file's checked batches, of some columns or all; requests come with their `request_key`."""
    options = replace(options, assume_utc=options.assume_utc or file.log_format.is_utc)
    for batch in read_batches(file, columns):
        checked = check_rows(batch, file.table, options, file.records.container)
        if file.table == "requests":
            checked = replace(checked, good=checked.good.with_columns(request_key=request_key(keyring)))
        yield checked
