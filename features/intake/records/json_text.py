"""JSON of any shape becomes columns of texts: quickly where it has that shape, value by value where it has not.

DuckDB reads a block of lines at once and says of which lines it is certain. The others are few: Polars reads them, but
refuses all of a block for one odd value, so such a block is halved until the odd lines are alone; those are read by the
standard library. A text that is no JSON, or holds half a surrogate pair, which no text can hold, is marked as broken.
"""

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

from features.intake.records.json_shapes import read_lists, read_objects

Fields = Mapping[str, pl.DataType]
BROKEN = "broken_record"
"""Column that holds the rule that a record breaks as a whole; null for a good one. Absent where all are good."""
_JSON_RULE, _UTF8_RULE = "record|json", "record|utf8"
_REPLACED = "\N{REPLACEMENT CHARACTER}"  # stands where bytes are no UTF-8, or where somebody wrote it
_SPACE = " \t\r\x0b\x0c"
_FEW = 64  # lines that are read one by one; half as many cost another halving, twice as many the time of the lines
_HALF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|[c-fC-F][0-9a-fA-F]{2})"
)
_WHOLE_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def read_lines(block: bytes, fields: Fields) -> pl.DataFrame:
    """Read a block of whole lines, each a JSON object, as the columns of `fields`; blank lines are left out.

    Args:
        block: UTF-8.
        fields: what to read of an object; the leaves of their types are String, which takes any value, as text.

    Returns:
        One row per line that is not blank, and `BROKEN` if any of them is no object or no Unicode.
    """
    text = pl.Series("line", [block.decode(errors="replace")]).str.split("\n").explode()
    lines = text.filter(text.str.strip_chars(_SPACE) != "")
    read = read_objects(lines, fields) if fields and len(lines) else None
    if read is None:
        return _read_odd(block, fields)
    frame, is_certain = read
    is_certain &= ~lines.str.contains(_REPLACED, literal=True)
    if is_certain.all():
        return frame
    of_block = [line for line in block.split(b"\n") if line.strip()]
    odd = _read_odd(b"\n".join(of_block[i] for i in (~is_certain).arg_true()), fields)
    positions = pl.concat([is_certain.arg_true(), (~is_certain).arg_true()])
    return pl.concat([frame.filter(is_certain), odd], how="diagonal")[positions.arg_sort()]


def _read_odd(block: bytes, fields: Fields) -> pl.DataFrame:
    """Read a block of lines whatever they hold."""
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
        frame = pl.read_ndjson(io.BytesIO(block), schema=dict(fields))
    except (pl.exceptions.PolarsError, OSError):  # it takes some bytes for an archive
        return None
    lines = sum(1 for line in block.split(b"\n") if line.strip())
    return frame if len(frame) == lines else None


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
    text = texts.str.replace_all(r"[\r\n]", " ")
    opens = text.str.strip_chars_start().str.starts_with("[" if isinstance(dtype, pl.List) else "{").fill_null(False)
    values = _decode_opened(text.filter(opens), dtype)
    positions = opens.cum_sum().cast(pl.Int64) - 1
    return values.gather(positions.set(~opens, None)).rename(texts.name)


def _decode_opened(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Read texts that begin as the type does."""
    if texts.is_empty():
        return pl.Series(texts.name, [], dtype=dtype)
    read: tuple[pl.DataFrame | pl.Series, pl.Series] | None = None  # for a text in which anything may stand
    if isinstance(dtype, pl.List):
        read = read_lists(texts, dtype)
    elif isinstance(dtype, pl.Struct):
        read = read_objects(texts, {field.name: field.dtype for field in dtype.fields})
    if read is None:
        return _decode_odd(texts, dtype)
    values, is_certain = read
    whole = values.to_struct() if isinstance(values, pl.DataFrame) else values
    if is_certain.all():
        return whole
    odd = _decode_odd(texts.filter(~is_certain), dtype)
    positions = pl.concat([is_certain.arg_true(), (~is_certain).arg_true()])
    return pl.concat([whole.filter(is_certain).rename(""), odd.rename("")])[positions.arg_sort()]


def _decode_odd(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Read texts whatever they hold: each becomes a field of a line, which is read more leniently than a text."""
    lines = texts.to_frame("text").select(pl.concat_str(pl.lit('{"v":'), "text", pl.lit("}")))
    return _read_odd("\n".join(lines.to_series().to_list()).encode(), {"v": dtype})["v"]
