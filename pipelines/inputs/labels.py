"""The table of labels: the same checks as of any input, and what deserves a look in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from features.errors import InputError
from features.intake.files import find_input_files
from features.intake.report import Tally, describe_refusal
from features.intake.rows import check_rows, read_batches
from features.intake.values.reading import AS_IT_IS, LogOptions
from features.lake import Lake
from features.schemas import Labels
from features.tables.aliases import rename_accounts
from pipelines.inputs.attention import describe_future
from pipelines.inputs.checks import Contents, TableCount


@dataclass(frozen=True)
class LabelTable:
    """Labels that keep the contract, one per account, and what happened to the rows that they were read from."""

    frame: pl.DataFrame
    count: TableCount


def read_label_table(path: Path | None, limit: float, options: LogOptions = AS_IT_IS) -> LabelTable:
    """Read the labels table behind a path; an empty one without a path. Identical rows are one.

    Raises:
        InputError: the table is unusable, the share of broken rows is above the limit, or two rows disagree.
    """
    count = TableCount()
    if path is None:
        return LabelTable(Labels.create_empty(), count)
    tallies, parts = [], [pl.DataFrame(Labels.create_empty())]
    files = find_input_files(path, "labels")
    for file in files:
        tally, contents = Tally(file), Contents()
        for batch in read_batches(file):
            checked = check_rows(batch, "labels", options, file.records.container)
            tally.add(checked)
            contents.add("labels", checked.good)
            parts.append(checked.good.drop("row"))
        tallies.append(tally)
        count.add(tally, contents)
    count.files = len(files)
    if not count.rows:
        raise InputError(
            f"{path} holds no labels: expected one row per judged account; leave --labels out where none is."
        )
    refusal = describe_refusal(tallies, limit)
    if refusal:
        raise InputError(f"{refusal}: correct the labels.")
    rows = pl.concat(parts)
    labels = rows.unique(maintain_order=True)
    count.repeats, count.stored = len(rows) - len(labels), len(labels)
    twice = labels.filter(pl.col("account_id").is_duplicated())
    if len(twice):
        raise InputError(f"{path}: account {twice['account_id'][0]!r} is labelled more than once: keep one row each.")
    return LabelTable(labels, count)


def read_labels(path: Path | None, limit: float, options: LogOptions = AS_IT_IS) -> pl.DataFrame:
    """Read the labels behind a path as `Labels`; see `read_label_table`."""
    return read_label_table(path, limit, options).frame


def with_decided_labels(labels: pl.DataFrame, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Add the labels that analysts' decisions stored in the lake (`stillwatch console`).

    Of several labels of one account by a time the newest holds, so that a decision can be corrected; of two of one
    moment the lake's. Labels that became known later stay beside it.
    """
    stored = lake.scan("labels").collect()
    if stored.is_empty():
        return labels
    rows = pl.concat([labels.select(stored.columns), stored])
    is_told = pl.col("labelled_at") <= as_of
    newest = rows.filter(is_told).sort("labelled_at", maintain_order=True)
    by_then = newest.unique("account_id", keep="last", maintain_order=True)
    return pl.concat([by_then, rows.filter(~is_told)])


def canonical_labels(labels: pl.DataFrame, lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Give labels the ids that their accounts have as of a time (`features.tables.aliases`).

    Of several ids of one account that were judged by then a true label counts before others, then the earliest.
    """
    names = lake.names(as_of)
    if names.is_empty():
        return labels
    is_told = pl.col("labelled_at") <= as_of
    best_first = rename_accounts(labels, names).sort("account_id", ~pl.col("label"), "labelled_at", "campaign")
    by_then = best_first.filter(is_told).unique("account_id", keep="first", maintain_order=True)
    return pl.concat([by_then, best_first.filter(~is_told)])


def list_label_attention(labels: pl.DataFrame, lake: Lake, as_of: datetime, now: datetime) -> Iterator[str]:
    """Say how many labels match no account that has a request up to a time, and whether any is of a time to come."""
    latest = labels["labelled_at"].max()
    if isinstance(latest, datetime) and latest > max(as_of, now):
        yield describe_future("labels", latest)
    seen = lake.seen(as_of)["account_id"]
    named = rename_accounts(labels, lake.names(as_of))
    unmatched = named.filter(~pl.col("account_id").is_in(seen.implode()))["account_id"].sort()
    if len(unmatched):
        yield (
            f"{len(unmatched):,} of {len(labels):,} labels match no account with a request up to "
            f"{as_of:%Y-%m-%dT%H:%M:%SZ}, such as {unmatched[0]!r}: are the ids those of the requests?"
        )
