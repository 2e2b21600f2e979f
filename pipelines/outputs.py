"""Files that commands leave behind: whole or not at all."""

import os
from pathlib import Path

import polars as pl

from features.errors import InputError


def check_out(out: Path) -> None:
    """Raise InputError for a place that no file can take."""
    if out.is_dir():
        raise InputError(f"{out} is a folder: give --out the name of a file.")


def write(frame: pl.DataFrame, out: Path) -> None:
    """Write a table as Parquet that appears whole or not at all.

    Raises:
        InputError: the place can't be written.
    """
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(draft)
        draft.replace(out)
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror}): choose another --out.") from error
