"""A mapping says for each column of the contract where a record has it. Most formats are nothing else."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from features.errors import InputError
from features.formats.chat import as_text, count_items, read_chat
from features.formats.log_format import IS_REQUEST, LogFormat
from features.formats.paths import Records, Step, fields_of, parse_path
from features.intake.records.containers import RECORD_SUFFIXES
from features.intake.records.json_text import BROKEN, Fields
from features.intake.values.words import is_nothing
from features.schemas import Requests

_CHAT = {"last_user_message": "prompt", "system_message": "system_prompt", "message_count": "message_count"}
_FORMS = ("value", "count", "present", *_CHAT)
_TOP = ("columns", "requests_are", "needs", "advice", "is_utc")
_KEYS = ("path", "constant", "as", "values", "pattern")


@dataclass(frozen=True)
class Source:
    """Where a column comes from.

    Attributes:
        paths: of fields, the first that is there and says something counts.
        constant: what holds where none does.
        form: `value`; `count`, the items of a list; `present`, true where any has a value; or what a conversation
            says: `last_user_message`, `system_message`, `message_count`.
        values: translation of words, of any case; others stay.
        pattern: what a value must match to count, after its translation.
    """

    paths: tuple[str, ...] = ()
    constant: str | None = None
    form: str = "value"
    values: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""


def at(*paths: str, **more: Any) -> Source:
    """Make a source of paths."""
    return Source(paths=paths, **more)


@dataclass(frozen=True)
class LogMapping:
    """A log format that needs no code.

    Attributes:
        name: of the format.
        columns: the source of each column of the contract; a column without one is null.
        requests_are: by path, the words (in lower case) that a record has there, or nothing, if it is a request.
        needs: columns without which a record is no request.
        json_texts: paths of fields that hold JSON as a text.
        advice: what to do about a column that the log lacks.
        is_utc: whether times without a zone are UTC, as the source says.
        flatten: makes the records from what the file holds, where that is not one record per row or line; with the
            fields to read of the file instead of those of the paths.
    """

    name: str
    columns: Mapping[str, Source]
    requests_are: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    json_texts: tuple[str, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    is_utc: bool = False
    flatten: Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame] | None = None
    file_fields: Callable[[Sequence[str]], Fields] | None = None

    def paths_of(self, columns: Sequence[str]) -> tuple[tuple[Step, ...], ...]:
        """List the paths that some columns are read from."""
        texts = [path for name in self._wanted(columns) for path in self.columns[name].paths]
        return tuple(parse_path(path) for path in dict.fromkeys([*texts, *self.requests_are]))

    def fields(self, columns: Sequence[str]) -> Fields:
        """Return the fields to read of the file for some columns."""
        names = [str(path[0]) for path in self.paths_of(columns)]
        texts = tuple(parse_path(path) for path in self.json_texts)
        return self.file_fields(names) if self.file_fields else fields_of((*self.paths_of(columns), *texts))

    def to_rows(self, records: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """Read the columns of the contract out of records."""
        paths = self.paths_of(columns)
        if self.flatten:
            records = self.flatten(records, [str(path[0]) for path in paths])
        read = _Reading(Records(records, paths))
        values = {name: read.column(self.columns[name]) for name in self._wanted(columns)}
        given = {name: series.rename(name) for name, series in values.items() if series is not None}
        marks = {BROKEN: records[BROKEN]} if BROKEN in records.columns else {}
        rows = pl.DataFrame({**given, **marks}) if given or marks else pl.DataFrame(height=len(records))
        if "request_id" in columns:  # without an id a request is told apart by its content
            id_or_none = pl.col("request_id").fill_null("") if "request_id" in rows.columns else pl.lit("")
            rows = rows.with_columns(id_or_none.alias("request_id"))
        return rows.with_columns(self._is_request(read, rows).alias(IS_REQUEST))

    def _wanted(self, columns: Sequence[str]) -> list[str]:
        """Columns with a source; what only a conversation says is left out where its text is not wanted."""
        has_text = "prompt" in columns
        return [name for name in columns if name in self.columns and (has_text or self.columns[name].form not in _CHAT)]

    def _is_request(self, read: "_Reading", rows: pl.DataFrame) -> pl.Series:
        """Records of the right kind; a call that failed before anybody was recognised is nobody's request."""
        height = len(rows)
        wanted = pl.repeat(True, height, eager=True)
        for path, words in self.requests_are.items():
            kinds = read.text(path)
            if kinds is not None:
                wanted &= (kinds.str.to_lowercase().is_in(words) | kinds.is_null()).fill_null(True)
        for name in self.needs:
            if name in rows.columns:
                wanted &= rows[name].is_not_null() & (rows[name].cast(pl.String) != "")
        if {"account_id", "status_code"} <= set(rows.columns):
            status = rows["status_code"].cast(pl.Float64, strict=False)
            account = rows["account_id"].cast(pl.String)
            nobody = account.is_null() | (account == "")
            wanted &= ~(nobody & ((status >= 400) | (status == 0)).fill_null(False))
        if BROKEN in rows.columns:
            wanted |= rows[BROKEN].is_not_null()
        return wanted

    def as_format(self) -> LogFormat:
        """The same as the intake takes it."""
        return LogFormat(
            name=self.name,
            suffixes=RECORD_SUFFIXES,
            fields=self.fields,
            to_rows=self.to_rows,
            advice=dict(self.advice),
            is_utc=self.is_utc,
        )


@dataclass
class _Reading:
    """Reads columns out of records; a conversation is read once for all columns that it gives."""

    records: Records
    _chats: dict[str, pl.DataFrame] = field(default_factory=dict)

    def column(self, source: Source) -> pl.Series | None:
        """Return the values of a column; None where the file has none of its fields."""
        parts = [part for path in source.paths if (part := self._part(path, source)) is not None]
        if source.form == "present" and parts:
            return (
                pl.DataFrame({str(i): part for i, part in enumerate(parts)}).select(pl.any_horizontal("*")).to_series()
            )
        if source.constant is not None:
            parts.append(pl.repeat(source.constant, len(self.records.frame), dtype=pl.String, eager=True))
        if len(parts) < 2:
            return parts[0] if parts else None
        frame = pl.DataFrame([part.cast(pl.String).rename(str(i)) for i, part in enumerate(parts)])
        return frame.select(
            pl.coalesce(pl.when(~is_nothing(pl.col(name))).then(name) for name in frame.columns)
        ).to_series()

    def text(self, path: str) -> pl.Series | None:
        """Return the values at a path as texts."""
        values = self.records.take(parse_path(path))
        return None if values is None else as_text(values)

    def _part(self, path: str, source: Source) -> pl.Series | None:
        values = self.records.take(parse_path(path))
        if values is None:
            return None
        if source.form in _CHAT:
            if path not in self._chats:
                self._chats[path] = read_chat(values)
            return self._chats[path][_CHAT[source.form]]
        if source.form == "count":
            return count_items(values)
        if source.form == "present":
            return values.is_not_null()
        values = as_text(values) if values.dtype.is_nested() else values
        if source.values:
            values = _translate(values.cast(pl.String), source.values)
        if source.pattern:
            texts = values.cast(pl.String)
            values = texts.to_frame("t").select(pl.when(pl.col("t").str.contains(source.pattern)).then("t")).to_series()
        return values


def _translate(texts: pl.Series, values: Mapping[str, str]) -> pl.Series:
    words = {word.lower(): value for word, value in values.items()}
    return texts.str.to_lowercase().replace_strict(words, default=texts, return_dtype=pl.String)


def read_mapping(path: Path) -> LogMapping:
    """Read a mapping file (TOML): a table `columns`, and tables `requests_are` and `advice` if need be.

    Raises:
        InputError: the file can't be read, or says something that is no mapping.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} can't be read as a mapping ({str(error).splitlines()[0]}): correct it.") from error
    unknown = [key for key in content if key not in _TOP]
    if unknown:
        raise InputError(f"{path} holds {unknown[0]!r}, which means nothing: expected {', '.join(_TOP)}.")
    columns = content.get("columns")
    if not isinstance(columns, dict) or not columns:
        raise InputError(f"{path} has no table [columns]: give each column of the contract the path of its field.")
    needs = _texts(path, "needs", content.get("needs", []))
    unknown = [name for name in (*columns, *needs) if name not in Requests.column_names()]
    if unknown:
        raise InputError(f"{path} maps {unknown[0]!r}, which is no column of requests: see docs/formats.md.")
    if not isinstance(content.get("is_utc", False), bool):
        raise InputError(f"{path}: is_utc must be true or false.")
    kinds = _table(path, "requests_are", content.get("requests_are", {}))
    mapping = LogMapping(
        name=path.name,
        columns={name: _source(path, name, value) for name, value in columns.items()},
        requests_are={name: tuple(word.lower() for word in _texts(path, name, words)) for name, words in kinds.items()},
        needs=needs,
        advice={name: str(text) for name, text in _table(path, "advice", content.get("advice", {})).items()},
        is_utc=content.get("is_utc", False),
    )
    mapping.paths_of(Requests.column_names())  # each must be one
    return mapping


def _table(path: Path, name: str, value: Any) -> dict[str, Any]:
    """Take a table of a mapping file."""
    if not isinstance(value, dict):
        raise InputError(f"{path}: {name} must be a table, as [{name}].")
    return value


def _texts(path: Path, name: str, value: Any) -> tuple[str, ...]:
    """Take a text or a list of texts of a mapping file; numbers and flags are as good as texts."""
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, dict | list) for text in texts):
        raise InputError(f"{path}: {name} must be a text or a list of texts.")
    return tuple(map(str, texts))


def _source(path: Path, name: str, value: Any) -> Source:
    """Read the source of a column: a path, a list of paths, or a table."""
    if isinstance(value, str | list):
        return Source(paths=_texts(path, name, value))
    if not isinstance(value, dict) or not set(value) <= set(_KEYS) or not {"path", "constant"} & set(value):
        raise InputError(f"{path}: the column {name} needs a path, a list of paths, or a table of {', '.join(_KEYS)}.")
    if value.get("as", "value") not in _FORMS:
        raise InputError(f"{path}: the column {name} is read as {value['as']!r}, expected {' or '.join(_FORMS)}.")
    pattern = str(value.get("pattern", ""))
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: the pattern of the column {name} is none: write a regular expression.") from error
    return Source(
        paths=_texts(path, f"the path of the column {name}", value.get("path", [])),
        constant=str(value["constant"]) if "constant" in value else None,
        form=value.get("as", "value"),
        values={word: str(meaning) for word, meaning in _table(path, "values", value.get("values", {})).items()},
        pattern=pattern,
    )
