"""What a log format gives the intake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from features.intake.records.json_text import Fields

IS_REQUEST = "is_request"
"""Column of `LogFormat.to_rows` that is false for a record that is no request, such as a span of a tool."""


@dataclass(frozen=True)
class LogFormat:
    """How the records of one format become rows of the contract.

    Attributes:
        name: as `stillwatch ingest --format` takes it.
        suffixes: of the files that a folder is searched for, beside parts without a suffix.
        fields: called with names of the contract's columns; gives the fields of a record that they are read from, with
            types for JSON. A field of type String takes any value, as text; Parquet keeps its own types.
        to_rows: called with a frame of those fields that the file has, of the file's types, and the same names. Gives
            columns named as in the contract, of any type that the intake reads; what the file lacks is left out. It may
            give several rows per record, and `IS_REQUEST`; it carries `features.intake.records.json_text.BROKEN` along.
        advice: what to add to a log that lacks a column, by the column.
        is_utc: whether times without a zone are UTC, as the source says.
    """

    name: str
    suffixes: tuple[str, ...]
    fields: Callable[[Sequence[str]], Fields]
    to_rows: Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame]
    advice: dict[str, str]
    is_utc: bool = False
