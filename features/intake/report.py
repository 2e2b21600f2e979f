"""What an ingest says of its files: every problem at once, with what to do, and everything that was changed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl
from polars.datatypes import IntegerType

from features.intake.files import InputFile
from features.intake.rows import CheckedRows
from features.intake.values.times import FIRST, LAST
from features.schemas import ACTIONS, FINISH_REASONS, INPUT_TABLES, PLANS, PROGRAMMES

CHANGES: dict[str, str] = {
    "nothing": "a blank or a word for nothing set to null",
    "number": "a number of another type read as the contract's",
    "time": "a time of another form or zone read as UTC",
    "flag": "a word or digit read as true or false",
    "word": "another spelling or vendor's word translated",
    "unknown": "an unknown word set to null, the row stays",
    "no_limit": "-1 (no limit) set to null",
    "no_id": "without an id, told apart by content",
    "failed": "null of a failed call set to 0",
    "address": "an address freed of its port, brackets or other hops",
    "hops": "a list of hops set to null: give --trusted-proxies N",
    "malformed": "a malformed address set to null",
}
_WORDS = {"plan": PLANS, "programme": PROGRAMMES, "finish_reason": FINISH_REASONS, "action": ACTIONS}
# what to do about a rule, by the part after the column
_ADVICE: dict[str, str] = {
    "missing": "add it to the export",
    "type": "convert it",
    "zone": "write the zone, or give --assume-utc",
    "nullability": "nulls are not allowed",
    "min_length": "a blank is not allowed",
    "number": "give a number",
    "whole": "give a whole number",
    "flag": "give true or false",
    "time": "give ISO 8601 with a zone, or seconds since 1970",
    "utf8": "export the text as UTF-8",
    "json": "export each record as one JSON object",
    "csv": "give every row as many values as the header",
    "regex": "give a value of the form that the contract states",
    "is_http": "give 0 or an HTTP status from 100 to 599",
    "is_a_number": "give a number of 0 or more",
    "is_another_account": "leave out aliases of an account for itself",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a column of a file.

    Attributes:
        file: path of the file.
        table: the input table.
        column: of the contract; `record` where a record as a whole can't be read.
        rule: that is broken.
        count: how many rows break it.
        rows: how many rows the file has.
        first_row: the first of them, from 0.
        advice: what to do.
        stored: the column's type in the file, where that is the problem.
        is_column: whether the column as a whole is the problem, whatever its values.
    """

    file: str
    table: str
    column: str
    rule: str
    count: int
    rows: int
    first_row: int
    advice: str
    stored: str = ""
    is_column: bool = False

    def describe(self) -> str:
        """Say in one clause what is wrong and what to do."""
        match self.rule:
            case "missing":
                return f"the column {self.column} is missing, {self.table} needs it: {self.advice}"
            case "type" | "zone" if self.stored:
                what = "has no zone" if self.rule == "zone" else f"expected {_expected(self.table, self.column)}"
                return f"the column {self.column} has the type {self.stored}, {what}: {self.advice}"
        where = f"{self.count:,} of {self.rows:,} rows, first in row {self.first_row}"
        return f"{self.name} in {where}: {self.advice}"

    @property
    def name(self) -> str:
        """The rule with its column, as the table of rejects has it."""
        return self.rule if self.rule.startswith(f"{self.column}_") else f"{self.column}|{self.rule}"

    def as_json(self) -> dict[str, Any]:
        """As a machine reads it."""
        return asdict(self)


def _expected(table: str, column: str) -> str:
    return str(INPUT_TABLES[table].columns()[column].dtype)


@dataclass
class Tally:
    """Counts what the checks of one file say, batch by batch.

    Attributes:
        file: the file.
        rows: rows read.
        rejected: rows that break a rule.
        skipped: further records, which are no requests.
        changes: by column and kind of change, how many values.
    """

    file: InputFile
    rows: int = 0
    rejected: int = 0
    skipped: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _rules: dict[str, tuple[int, int]] = field(default_factory=dict)
    _columns: dict[str, str] = field(default_factory=dict)

    def add(self, checked: CheckedRows) -> None:
        """Count a batch."""
        self.rows += checked.rows
        self.skipped += checked.skipped
        self.rejected += checked.rejects["row"].n_unique()
        self.changes.update(checked.changes)
        self._columns.update(checked.problems)
        by_rule = checked.rejects.group_by("rule").agg(pl.len(), pl.col("row").min())
        for rule, count, first in by_rule.iter_rows():
            before, earlier = self._rules.get(rule, (0, first))
            self._rules[rule] = (before + count, min(first, earlier))

    def problems(self) -> list[Problem]:
        """List all problems of the file, whole columns first, then by how many rows they concern."""
        columns = [self._problem(rule, self.rows, 0, stored) for rule, stored in sorted(self._columns.items())]
        rules = sorted(self._rules.items(), key=lambda item: (-item[1][0], item[0]))
        return columns + [self._problem(rule, count, first) for rule, (count, first) in rules]

    @property
    def rejects(self) -> dict[str, int]:
        """How many rows break each rule."""
        return {rule: count for rule, (count, _) in self._rules.items()}

    def is_unusable(self, limit: float) -> bool:
        """Tell whether a column as a whole or more than this share of the rows can't be stored."""
        return bool(self._columns) or self.rejected > limit * self.rows

    def _problem(self, name: str, count: int, first: int, stored: str = "") -> Problem:
        column, rule = split_rule(name)
        if rule == "nullability" and count == self.rows:  # a log of JSON has no columns that could be missing
            rule = "missing"
        return Problem(
            file=str(self.file.path),
            table=self.file.table,
            column=column,
            rule=rule,
            count=count,
            rows=self.rows,
            first_row=first,
            advice=advise(column, rule, self.file.log_format.advice),
            stored=stored,
            is_column=name in self._columns,
        )


def split_rule(name: str) -> tuple[str, str]:
    """Split the name of a rule into the column and the rule: `a|b`, or for named rules `a_is_b` and the column."""
    column, bar, rule = name.partition("|")
    return (column, rule) if bar else (name.partition("_is_")[0], name)


def advise(column: str, rule: str, of_format: Mapping[str, str]) -> str:
    """Say what to do about a rule that a column breaks, given a format's own advice by column."""
    if rule in ("missing", "nullability") and column in of_format:
        return of_format[column]
    if rule == "range":
        return _advise_range(column)
    if rule.endswith("_is_known"):
        return f"give {' or '.join(_WORDS[column])}"
    return _ADVICE.get(rule.removeprefix(f"{column}_"), "correct the export")


def _advise_range(column: str) -> str:
    """Say which values a column of times or numbers can hold."""
    dtype = next(table.columns()[column].dtype for table in INPUT_TABLES.values() if column in table.column_names())
    if dtype.is_temporal():
        return f"give a time of the years {FIRST.year} to {LAST.year - 1}, or correct its unit"
    assert isinstance(dtype, IntegerType)  # any other number is in range
    least, most = pl.select(dtype.min().alias("least"), dtype.max().alias("most")).row(0)
    return f"give a number from {least:,} to {most:,}"


def describe_refusal(tallies: Iterable[Tally], limit: float) -> str:
    """Name all problems of the unusable files in one clause; empty where all can be stored.

    Logs without a single request can't be stored either: read in the wrong format, a log has none.
    """
    tallies = list(tallies)
    logs = [tally for tally in tallies if tally.file.table == "requests"]
    skipped = sum(tally.skipped for tally in logs)
    if skipped and not any(tally.rows for tally in logs):
        first = next(tally.file for tally in logs if tally.skipped)
        return (
            f"{first.path}: none of {skipped:,} records is a request as the format {first.log_format.name} has it, so "
            "the --format may be wrong"
        )
    parts = []
    for tally in tallies:
        if not tally.is_unusable(limit):
            continue
        problems = [problem.describe() for problem in tally.problems()]
        rows = f"{tally.rejected:,} of {tally.rows:,} rows break the contract of {tally.file.table}"
        above = f"{rows}, more than the limit of {limit:.1%}: " if tally.rejected > limit * tally.rows else ""
        parts.append(f"{tally.file.path}: {above}{'; '.join(problems)}")
    return "; ".join(parts)
