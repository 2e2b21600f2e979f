"""The native format: files whose columns are those of the contract; Parquet, and by name also JSON lines and CSV."""

from collections.abc import Sequence

import polars as pl

from features.formats.log_format import LogFormat
from features.intake.records.containers import PARQUET_SUFFIXES
from features.intake.records.json_text import BROKEN, Fields


def _fields(columns: Sequence[str]) -> Fields:
    return {name: pl.String() for name in columns}


def _to_rows(records: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return records.select(name for name in (*columns, BROKEN) if name in records.columns)


NATIVE = LogFormat(name="native", suffixes=PARQUET_SUFFIXES, fields=_fields, to_rows=_to_rows, advice={})
