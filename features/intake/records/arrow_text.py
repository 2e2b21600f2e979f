"""Arrow data become Polars frames, after a look at their texts: Polars trusts that they are Unicode."""

import polars as pl
import pyarrow as pa

from features.intake.records.json_text import BROKEN


def to_frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """Make a frame of a batch whose texts may be no Unicode: such a record is marked in `BROKEN`, its text is null."""
    columns, rules = {}, pl.Series(BROKEN, [None] * batch.num_rows, dtype=pl.String)
    for name, stored in zip(batch.schema.names, batch.columns, strict=True):
        column = stored.dictionary_decode() if pa.types.is_dictionary(stored.type) else stored
        if _is_text(column.type):
            column = column.cast(pa.large_string(), safe=False)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            valid = [_has_text(value) for value in column]
            column = column.take(pa.array([i if is_valid else None for i, is_valid in enumerate(valid)], pa.int64()))
            rules = rules.set(rules.is_null() & ~pl.Series(valid), f"{name}|utf8")
        columns[name] = column
    frame = pl.DataFrame(pa.table(columns)) if columns else pl.DataFrame(height=batch.num_rows)
    return frame.with_columns(rules) if rules.count() else frame


def _is_text(kind: pa.DataType) -> bool:
    tests = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view")
    return any(getattr(pa.types, test)(kind) for test in tests)


def _has_text(value: pa.Scalar) -> bool:
    """Tell whether a value holds no text that is no Unicode."""
    try:
        value.as_py()
    except UnicodeDecodeError:
        return False
    except (ValueError, OverflowError):  # such as a time that Python can't hold
        return True
    return True
