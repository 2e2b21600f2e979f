"""The proof of an erasure: a scan of all files of a workspace."""

import mmap
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from features.errors import IntegrityError

_WORD = rb"[0-9A-Za-z_-]"  # what a longer id goes on with


def find_traces(root: Path, accounts: Sequence[str]) -> list[Path]:
    """List the files of a workspace that name one of the accounts: in a column of a table, or in their bytes."""
    ids = [re.escape(account.encode()) for account in accounts if account]
    pattern = re.compile(rb"(?<!" + _WORD + rb")(?:" + rb"|".join(ids) + rb")(?!" + _WORD + rb")")
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if _names_one_if_there(path, pattern, accounts)]


def _names_one_if_there(path: Path, pattern: re.Pattern[bytes], accounts: Sequence[str]) -> bool:
    """SQLite removes its files beside a database when the last reader goes, and so may other processes."""
    try:
        return _names_one(path, pattern, accounts)
    except FileNotFoundError:
        return False


def _names_one(path: Path, pattern: re.Pattern[bytes], accounts: Sequence[str]) -> bool:
    if path.stat().st_size == 0:
        return False
    if path.suffix == ".parquet":
        return _holds_one(path, accounts)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return pattern.search(content) is not None


def _holds_one(path: Path, accounts: Sequence[str]) -> bool:
    """Look into the columns of text: a compressed table does not show its content as bytes."""
    try:
        table = pl.scan_parquet(path, hive_partitioning=False, glob=False)
        texts = [name for name, kind in table.collect_schema().items() if kind == pl.String]
        if not texts:
            return False
        is_named = pl.any_horizontal(pl.col(texts).is_in(list(accounts)).any())
        return bool(table.select(is_named).collect(engine="streaming").item())
    except pl.exceptions.PolarsError as error:
        raise IntegrityError(f"{path} can't be read, so nobody can say whom it names: remove it.") from error
