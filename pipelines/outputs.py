"""Output files of commands: each appears whole or not at all."""

import os
from pathlib import Path

import polars as pl

from features.errors import InputError


def check_out(out: Path) -> None:
    """Refuse a path that is a folder.

    Raises:
        InputError: it is one.
    """
    if out.is_dir():
        raise InputError(f"{out} is a folder: give --out the name of a file.")


def write_table(frame: pl.DataFrame, out: Path) -> None:
    """Write a table as Parquet; a killed run leaves the old file or none.

    Raises:
        InputError: the path can't be written.
    """
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(draft)
        draft.replace(out)
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror}): choose another --out.") from error
