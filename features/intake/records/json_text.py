"""JSON of any shape becomes columns of stated types: quickly where it has that shape, value by value where it has not.

Polars reads a block of lines at once, but refuses all of it for one odd value. Such a block is halved until the odd
lines are alone; those are read by the standard library. A text that is no JSON, or holds half a surrogate pair, which
no text can hold, is marked as broken.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.json as pa_json
from polars.datatypes import DataTypeClass

Fields = Mapping[str, pl.DataType]
BROKEN = "broken_record"
"""Column that holds the rule that a record breaks as a whole; null for a good one. Absent where all are good."""
_JSON_RULE, _UTF8_RULE = "record|json", "record|utf8"
_FEW = 64  # lines that are read one by one; half as many cost another halving, twice as many the time of the lines
_HALF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|[c-fC-F][0-9a-fA-F]{2})"
)
_NO_FIELD: Fields = {"no field of this name": pl.String()}
_WHOLE_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def read_lines(block: bytes, fields: Fields) -> pl.DataFrame:
    """Read a block of whole lines, each a JSON object, as the columns of `fields`; blank lines are left out.

    Args:
        block: UTF-8.
        fields: what to read of an object; a field of type String takes any value, as text, one of another type only
            such values.

    Returns:
        One row per line that is not blank, and `BROKEN` if any of them is no object or no Unicode.
    """
    if not _may_hold_half_pairs(block):
        frame = _read_at_once(block, fields)
        if frame is not None:
            return frame
    lines = [line for line in block.split(b"\n") if line.strip()]
    parts = _read_halved(lines, fields)
    return pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema=dict(fields))


def _may_hold_half_pairs(block: bytes) -> bool:
    r"""Tell whether `\ud8..` to `\udf..` stand anywhere, other than as whole pairs."""
    if b"\\ud" not in block and b"\\uD" not in block:
        return False
    return _HALF_PAIR.search(_WHOLE_PAIR.sub(b"", block)) is not None


def _read_at_once(block: bytes, fields: Fields) -> pl.DataFrame | None:
    if not block.strip():
        return pl.DataFrame(schema=dict(fields))
    if any(isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct) for dtype in fields.values()):
        # Arrow ends the process where a line is no object, so Polars looks at the lines first.
        frame = _read_by_arrow(block, fields) if _read_by_polars(block, _NO_FIELD) is not None else None
        if frame is not None:
            return frame
    return _read_by_polars(block, fields)


def _read_by_polars(block: bytes, fields: Fields) -> pl.DataFrame | None:
    try:
        frame = pl.read_ndjson(io.BytesIO(block), schema=dict(fields))
    except (pl.exceptions.PolarsError, OSError):  # it takes some bytes for an archive
        return None
    lines = sum(1 for line in block.split(b"\n") if line.strip())
    return frame if len(frame) == lines else None


def _read_by_arrow(block: bytes, fields: Fields) -> pl.DataFrame | None:
    """Read a block whose values all have the stated types: ten times as fast as Polars where lists hold objects."""
    schema = pa.schema([(name, _arrow_type(dtype)) for name, dtype in fields.items()])
    try:
        table = pa_json.read_json(
            pa.BufferReader(block),
            read_options=pa_json.ReadOptions(block_size=max(1 << 20, len(block)), use_threads=False),
            parse_options=pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (UnicodeDecodeError, pa.ArrowException):
        return None
    return pl.DataFrame(table.select(list(fields)))


def _arrow_type(dtype: pl.DataType | DataTypeClass) -> pa.DataType:
    if isinstance(dtype, pl.Struct):
        return pa.struct([(inner.name, _arrow_type(inner.dtype)) for inner in dtype.fields])
    if isinstance(dtype, pl.List):
        return pa.list_(_arrow_type(dtype.inner))
    return pa.float64() if dtype == pl.Float64 else pa.bool_() if dtype == pl.Boolean else pa.string()


def _read_halved(lines: Sequence[bytes], fields: Fields) -> list[pl.DataFrame]:
    if len(lines) <= _FEW:
        return [_read_each(lines, fields)] if lines else []
    parts = []
    for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
        block = b"\n".join(half)
        frame = None if _may_hold_half_pairs(block) else _read_at_once(block, fields)
        parts += _read_halved(half, fields) if frame is None else [frame]
    return parts


def _read_each(lines: Sequence[bytes], fields: Fields) -> pl.DataFrame:
    parsed = [_parse(line) for line in lines]
    rows = [{name: _fit(value.get(name), dtype) for name, dtype in fields.items()} for value, _ in parsed]
    frame = pl.DataFrame(rows, schema=dict(fields), orient="row") if fields else pl.DataFrame(height=len(rows))
    rules = pl.Series(BROKEN, [rule for _, rule in parsed], dtype=pl.String)
    return frame.with_columns(rules) if rules.count() else frame


def _parse(line: bytes) -> tuple[dict[str, Any], str | None]:
    """Return an object and no rule, or an empty one and the rule that it breaks."""
    try:
        value = json.loads(line.decode())
        json.dumps(value, ensure_ascii=False).encode()  # half a pair has no bytes
    except UnicodeError:
        return {}, _UTF8_RULE
    except (ValueError, RecursionError):
        return {}, _JSON_RULE
    return (value, None) if isinstance(value, dict) else ({}, _JSON_RULE)


def _fit(value: Any, dtype: pl.DataType | DataTypeClass) -> Any:
    """Give a parsed value the form of a type; null for what has no such form."""
    if value is None:
        return None
    if isinstance(dtype, pl.Struct):
        value = _unfold(value)
        fields = {field.name: field.dtype for field in dtype.fields}
        return {name: _fit(value.get(name), inner) for name, inner in fields.items()} if _is_object(value) else None
    if isinstance(dtype, pl.List):
        value = _unfold(value)
        return [_fit(item, dtype.inner) for item in value] if isinstance(value, list) else None
    if dtype == pl.Boolean:
        return value if isinstance(value, bool) else None
    if dtype == pl.Float64:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _unfold(value: Any) -> Any:
    """Parse JSON that was written as a text into a JSON value."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def decode(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Read a column of JSON texts as a type whose leaves are String; null where a text is no such JSON.

    Each text becomes a field of a line: Polars reads lines more leniently than it decodes texts.
    """
    if texts.is_empty():
        return pl.Series(texts.name, [], dtype=dtype)
    text = pl.col("text").str.replace_all(r"[\r\n]", " ")
    opens = text.str.strip_chars_start().str.starts_with("[" if isinstance(dtype, pl.List) else "{")
    line = pl.when(opens).then(pl.concat_str(pl.lit('{"v":'), text, pl.lit("}"))).otherwise(pl.lit('{"v":null}'))
    block = "\n".join(texts.to_frame("text").select(line.alias("line"))["line"].to_list()).encode()
    return read_lines(block, {"v": dtype})["v"].rename(texts.name)
