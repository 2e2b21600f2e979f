"""Every row of every input file is checked, and counted, before anything is stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from features.errors import InputError
from features.events import is_blank, request_key, to_account_rows, to_events, to_release_rows
from features.identity import Keyring, parse_addresses
from features.intake.files import InputFile
from features.intake.repeats import Repeats
from features.intake.report import Problem, Tally, describe_refusal
from features.intake.rows import CheckedRows, check_rows, read_batches
from features.intake.values.reading import LogOptions
from features.progress import Progress
from features.schemas import INPUT_TABLES
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
        repeats: collects the keys of the requests.
        options: what a person says of the requests' log.
        reject_limit: share of a file's rows that may break the contract.
        held_from: the time before which events were dropped; None for none.
        reduced: collects what will be stored of the rows; None if nothing will be.
    """

    keyring: Keyring
    repeats: Repeats
    options: LogOptions
    reject_limit: float
    held_from: datetime | None = None
    reduced: ReducedRows | None = None


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
    new: dict[str, list[InputFile]], checks: Checks, counts: dict[str, TableCount], progress: Progress
) -> dict[int, pl.DataFrame]:
    """Check every row of every file, note the requests' keys, and reduce the good rows; return the rejects by source.

    Raises:
        IngestRefusedError: a file can't be stored; the message names all problems of all such files.
    """
    rejects, tallies = {}, []
    total = sum(file.path.stat().st_size for files in new.values() for file in files) or 1
    done = 0
    for table, files in new.items():
        for file in files:
            try:
                tally, contents, rejected = _check_file(file, checks, _checked_columns(table, checks))
            except _TextNeededError:
                checks.repeats.discard(file.source)
                tally, contents, rejected = _check_file(file, checks, None)
            counts[table].add(tally, contents)
            tallies.append(tally)
            rejects[file.source] = rejected
            done += file.path.stat().st_size
            progress("checking", done / total)
    refusal = describe_refusal(tallies, checks.reject_limit)
    if refusal:
        sentence = f"{refusal}: nothing was stored; correct the export or raise STILLWATCH_REJECT_LIMIT."
        raise IngestRefusedError(sentence, counts)
    return rejects


def _checked_columns(table: str, checks: Checks) -> list[str] | None:
    """Return the columns to read, None for all: no rule reads the text, so it is left out if nothing will be stored."""
    if table != "requests" or checks.reduced is not None:
        return None
    return [name for name in INPUT_TABLES[table].column_names() if name not in _TEXT]


def _check_file(file: InputFile, checks: Checks, columns: list[str] | None) -> tuple[Tally, Contents, pl.DataFrame]:
    """Check one file; the last value lists its rejects as the lake stores them."""
    tally, contents = Tally(file), Contents()
    rejects = [pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.String})]
    for checked in checked_rows(file, checks.keyring, checks.options, columns):
        if file.table == "requests":
            if columns is not None and checked.good.select(is_blank("request_id").any()).item():
                raise _TextNeededError
            checks.repeats.note(file.source, checked.good)
            if checks.held_from is not None:
                contents.pruned += int((checked.good["timestamp"] < checks.held_from).sum())
        tally.add(checked)
        contents.add(file.table, checked.good, _reduce(file, checked.good, checks))
        rejects.append(checked.rejects)
    stored = pl.concat(rejects).with_columns(
        pl.col("row").cast(pl.Int64), table=pl.lit(file.table), source=pl.lit(file.source, pl.Int64)
    )
    return tally, contents, stored


def _reduce(file: InputFile, good: pl.DataFrame, checks: Checks) -> int:
    """Put aside what will be stored of a batch, if anything; return how many of its addresses are none."""
    malformed, reduced = 0, good
    if checks.reduced is None:
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
    checks.reduced.add(file.source, reduced)
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
