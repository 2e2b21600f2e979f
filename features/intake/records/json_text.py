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
from polars.datatypes import DataTypeClass

Fields = Mapping[str, pl.DataType]
BROKEN = "broken_record"
"""Column that holds the rule that a record breaks as a whole; null for a good one. Absent where all are good."""
_JSON_RULE, _UTF8_RULE = "record|json", "record|utf8"
_FEW = 64  # lines that are read one by one; half as many cost another halving, twice as many the time of the lines
_HALF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|[c-fC-F][0-9a-fA-F]{2})"
)
_WHOLE_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def read_lines(block: bytes, fields: Fields) -> pl.DataFrame:
    """Read a block of whole lines, each a JSON object, as the columns of `fields`; blank lines are left out.

    Args:
        block: UTF-8.
        fields: what to read of an object; a field of type String takes any value, as text.

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
    try:
        return pl.read_ndjson(io.BytesIO(block), schema=dict(fields))
    except pl.exceptions.PolarsError:
        return None


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
    """Read a column of JSON texts as a type whose leaves are String; null where a text is no such JSON."""
    has_pairs = texts.str.contains(r"(?i)\\ud[89a-f]")
    if not has_pairs.any():
        try:
            return texts.str.json_decode(dtype)
        except pl.exceptions.PolarsError:
            pass
    if len(texts) <= _FEW:
        values = [None if text is None else _fit(text, dtype) for text in texts]
        return pl.Series(texts.name, [_without_half_pairs(value) for value in values], dtype=dtype)
    middle = len(texts) // 2
    return pl.concat([decode(texts[:middle], dtype), decode(texts[middle:], dtype)])


def _without_half_pairs(value: Any) -> Any:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        return None
    return value
