"""The files behind a path: a file, a folder, a glob of either, or a Delta table; and what their names say."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

from features.errors import InputError
from features.formats.log_format import LogFormat
from features.formats.native import NATIVE
from features.intake.delta_tables import delta_files, is_delta, live_files
from features.intake.records.containers import PARQUET_SUFFIXES, RecordFile, looks_like_records, open_records
from features.schemas import INPUT_TABLES

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class InputFile:
    """One file of an input table.

    Attributes:
        records: where it is and what it is.
        table: requests, accounts, labels, enforcement or releases.
        source: 63 bits of the SHA-256 of its bytes, and of what its path says: tells it from every other file.
        log_format: how its records become rows.
        partitions: contract columns that its path gives, as `channel=api`.
    """

    records: RecordFile
    table: str
    source: int
    log_format: LogFormat
    partitions: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.records.path


def find_input_files(path: Path, table: str, log_format: LogFormat = NATIVE) -> list[InputFile]:
    """Find the files behind a path: a file, a folder, a Delta table, or a glob; sorted, each content once.

    Hidden files, and those whose names begin with an underscore, are no data.

    Raises:
        InputError: nothing is there, or a file can't be read.
    """
    matches = [path] if path.exists() else _glob(path, log_format)
    paths = sorted({each for match in matches for each in _files_of(match, log_format)})
    if not paths:
        kind = "Parquet" if log_format.suffixes == PARQUET_SUFFIXES else log_format.name
        raise InputError(f"no {kind} file at {path}: expected a file, a folder or a glob with {table}.")
    distinct: dict[int, InputFile] = {}
    for file_path in live_files(paths):
        file = _inspect(file_path, table, log_format)
        distinct.setdefault(file.source, file)
    return list(distinct.values())


def _glob(pattern: Path, log_format: LogFormat) -> Iterator[Path]:
    """Yield what a glob matches; where it ends in a star, only files that may hold records of the format."""
    fixed = Path(*takewhile(lambda part: not has_magic(part), pattern.parts))
    for match in map(Path, glob(str(pattern), recursive=True)):
        is_hidden = any(part.startswith((".", "_")) for part in match.relative_to(fixed).parts)
        if is_hidden or not match.exists():
            continue
        if match.is_dir() or not pattern.name.endswith("*") or _may_hold_records(match, log_format):
            yield match


def _files_of(path: Path, log_format: LogFormat) -> Iterator[Path]:
    """Yield the files at a match of the path; of a folder those that may hold records of the format."""
    if not path.is_dir():
        yield path
    elif is_delta(path):
        yield from delta_files(path)
    else:
        for child in _visible(sorted(path.iterdir())):
            if child.is_symlink() and path.resolve().is_relative_to(child.resolve()):
                continue  # a link to a folder around it, whose files are found without it
            if child.is_dir() or _may_hold_records(child, log_format):
                yield from _files_of(child, log_format)


def _visible(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if not path.name.startswith((".", "_"))]


def _may_hold_records(path: Path, log_format: LogFormat) -> bool:
    if path.suffix in log_format.suffixes:
        return True
    is_part = not path.suffix[1:].isalpha()  # part-00000, 000000_0, a key of an object store
    is_pipe = path.exists() and not path.is_file()  # to open one would be to wait for whoever writes to it
    return is_part and not is_pipe and looks_like_records(path)


def _inspect(path: Path, table: str, log_format: LogFormat) -> InputFile:
    records = open_records(path)
    columns = INPUT_TABLES[table].column_names()
    partitions = {name: value for name, value in _hive_values(path) if name in columns and name not in records.columns}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    if partitions:  # the same bytes are other rows elsewhere
        digest.update(json.dumps(partitions, sort_keys=True).encode())
    source = int.from_bytes(digest.digest()[:8]) >> 1
    return InputFile(records=records, table=table, source=source, log_format=log_format, partitions=partitions)


def _hive_values(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield what the folders of a path say, as engines name them: `channel=api`."""
    for part in path.parent.parts:
        name, equals, value = part.partition("=")
        if equals and name:
            yield name, None if value == _NO_VALUE else unquote(value)
