"""JSON texts become columns of stated types, by DuckDB's reader: several times as fast as Polars, and any value fits.

It is more lenient than JSON: it takes a comma before a closing bracket. And what has not the shape that is asked for it
reads as empty. Both are marked, so that a slower reader looks at such texts one by one.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

import duckdb
import polars as pl
import pyarrow as pa
from polars.datatypes import DataTypeClass

Shape = pl.DataType | DataTypeClass
# What DuckDB takes and JSON has not: a comma before a bracket, and numbers that are none.
_LENIENT = r"(?i),\s*[\]}]|[:,\[]\s*-?(?:nan|inf|infinity)\s*[,\]}]"
_STRING = r'"(?:[^"\\]|\\.)*"'
_ROOT = "$"
_MANY = 64  # fields from which on those that do not occur are left out; half as many cost the other formats more


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """A database in memory that touches no file: the texts must not reach the disk."""
    database = duckdb.connect(config={"threads": 1, "autoload_known_extensions": "false"})
    database.execute("SET temp_directory = ''; SET enable_external_access = false; SET lock_configuration = true")
    return database


def read_objects(texts: pl.Series, fields: Mapping[str, Shape]) -> tuple[pl.DataFrame, pl.Series] | None:
    """Read the fields of objects, with types whose leaves are String.

    Args:
        texts: String, n rows, whatever they hold.
        fields: the names of the fields and what is expected of each.

    Returns:
        The fields (n rows), and which rows are certain: strict JSON, whose objects and lists stand where the types have
        them. None where DuckDB can't be asked, as it takes `a` and `A` for one name of a nested field.
    """
    asked = dict(fields) if len(fields) < _MANY else _occurring(texts, fields)
    spellings = Counter(name.casefold() for name in asked)
    alone = {name: dtype for name, dtype in asked.items() if spellings[name.casefold()] == 1}
    others = [name for name in asked if name not in alone]
    if any(fields[name] != pl.String for name in others):
        return None
    parts = {"v": _transform(pl.Struct(alone))}
    if others:  # in one call, which parses each text once
        parts["texts"] = f"json_extract_string(t, [{', '.join(_quote(_pointer(name)) for name in others)}])"
    frame = _ask(texts, parts)
    if frame is None:
        return None
    columns = {name: pl.col("v").struct.field(name) for name in alone}
    columns |= {name: pl.col("texts").list.get(i) for i, name in enumerate(others)}
    columns = {name: columns.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in fields.items()}
    values = frame.select(pl.struct(columns[name] for name in asked)).to_series()
    is_certain = _certain(texts, values, pl.Struct(asked))
    return None if is_certain is None else (frame.select(columns.values()), is_certain)


def _occurring(texts: pl.Series, fields: Mapping[str, Shape]) -> dict[str, Shape]:
    """The fields that any of the objects has; the first one where none has any."""
    keys = _ask(texts, {"keys": "json_keys(t)"})
    names = set(fields) if keys is None else set(keys["keys"].explode().unique())
    return {name: dtype for name, dtype in fields.items() if name in names} or dict([next(iter(fields.items()))])


def read_lists(texts: pl.Series, dtype: pl.List) -> tuple[pl.Series, pl.Series] | None:
    """Read lists, and which are certain, as `read_objects` does."""
    frame = _ask(texts, {"v": _transform(dtype)})
    if frame is None:
        return None
    values = frame["v"].cast(dtype).rename(texts.name)
    is_certain = _certain(texts, values, dtype)
    return None if is_certain is None else (values, is_certain)


def _ask(texts: pl.Series, parts: Mapping[str, str]) -> pl.DataFrame | None:
    """Compute expressions of each text `t`; null where it is no JSON."""
    cursor = _database().cursor()
    try:
        asked = ", ".join(f"TRY({part}) AS {name}" for name, part in parts.items())
        return pl.DataFrame(cursor.from_arrow(pa.table({"t": texts.to_arrow()})).project(asked).to_arrow_table())
    except (duckdb.Error, pa.ArrowException):
        return None
    finally:
        cursor.close()


def _certain(texts: pl.Series, values: pl.Series, dtype: pl.DataType) -> pl.Series | None:
    """Tell which texts were strict JSON of this type. The kinds of what is nested are asked for only where it reads as
    empty.
    """
    is_lenient = _lenient(texts)
    frame = values.to_frame("v").select(pl.any_horizontal(_empty(pl.col("v"), dtype)).alias("is_empty"))
    is_empty = frame["is_empty"].fill_null(True)
    if not is_empty.any():
        return ~is_lenient
    paths = dict(_kinds(dtype, _ROOT))
    kinds = _ask(texts.filter(is_empty), {f"k{i}": _kinds_at(path) for i, path in enumerate(paths)})
    if kinds is None:
        return None
    fits = [_fits(pl.col(f"k{i}"), path, kind) for i, (path, kind) in enumerate(paths.items())]
    right = kinds.select(pl.all_horizontal(fits).alias("fits"))["fits"].fill_null(False)
    return pl.repeat(True, len(texts), eager=True).scatter(is_empty.arg_true(), right) & ~is_lenient


def _lenient(texts: pl.Series) -> pl.Series:
    """Tell which texts hold what is no JSON, outside of strings."""
    may_be = texts.str.contains(_LENIENT).fill_null(False)
    bare = texts.filter(may_be).str.replace_all(_STRING, '""')
    return may_be.scatter(may_be.arg_true(), bare.str.contains(_LENIENT)) if len(bare) else may_be


def _empty(value: pl.Expr, dtype: Shape) -> Iterator[pl.Expr]:
    """True where a nested value reads as empty, so that something of another kind may have stood there."""
    if isinstance(dtype, pl.Struct):
        values = [value.struct.field(field.name) for field in dtype.fields]
        yield value.is_not_null() & pl.all_horizontal(each.is_null() for each in values)
        for field, each in zip(dtype.fields, values, strict=True):
            yield from _empty(each, field.dtype)
    elif isinstance(dtype, pl.List):
        yield value.is_null()
        inner = dtype.inner
        if isinstance(inner, pl.Struct):
            item = pl.element().struct
            lists = [item.field(field.name).is_null() for field in inner.fields if isinstance(field.dtype, pl.List)]
            nothing = pl.all_horizontal(item.field(field.name).is_null() for field in inner.fields)
            yield value.list.eval(pl.any_horizontal(nothing, *lists)).list.any()


def _kinds(dtype: Shape, path: str) -> Iterator[tuple[str, str]]:
    """List the paths of what is nested in a type, and its kind. What stands below two lists nobody writes as a text, so
    it is null if it is of another kind.
    """
    if isinstance(dtype, pl.Struct):
        yield path, "OBJECT"
        for field in dtype.fields:
            yield from _kinds(field.dtype, f'{path}."{field.name}"')
    elif isinstance(dtype, pl.List):
        yield path, "ARRAY"
        if "*" not in path:
            yield from _kinds(dtype.inner, f"{path}[*]")


def _kinds_at(path: str) -> str:
    return f"json_type(t, {_quote(path)})"


def _fits(kind: pl.Expr, path: str, wanted: str) -> pl.Expr:
    if "*" in path:
        return kind.list.eval(pl.element().is_in([wanted, "NULL"])).list.all().fill_null(True)
    return kind == wanted if path == _ROOT else kind.is_in([wanted, "NULL"]).fill_null(True)


def _transform(dtype: pl.DataType) -> str:
    return f"json_transform(t, {_quote(json.dumps(_structure(dtype)))})"


def _structure(dtype: Shape) -> object:
    """The type as DuckDB takes it."""
    if isinstance(dtype, pl.Struct):
        return {field.name: _structure(field.dtype) for field in dtype.fields}
    return [_structure(dtype.inner)] if isinstance(dtype, pl.List) else "VARCHAR"


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
