"""Output files of commands: each appears whole or not at all."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import InputError

if TYPE_CHECKING:
    import polars as pl

PRIVATE = 0o077
"""What a workspace's files and folders allow to nobody but their owner: they name accounts."""

PRIVATE_PART = "revealed"
"""The folder of an output folder that names accounts: its owner's alone."""

_usual = {"mask": 0o022}  # of files that a person asked for; what the process began with


def keep_private() -> None:
    """Let all files and folders that this process makes from now on be its owner's alone, but for outputs."""
    mask = os.umask(PRIVATE)
    if mask != PRIVATE:
        _usual["mask"] = mask


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """Refuse output paths that can't be written, before any work is done and without writing anything.

    Args:
        outputs: the path of each option; None for an option that is not given.

    Raises:
        InputError: a path is no file name, a folder, a device, too long or not writable, or two are the same file.
    """
    options: dict[Path, str] = {}
    for option, out in outputs.items():
        if out is None:
            continue
        try:
            _check_output(option, out)
        except OSError as error:
            raise _unwritable(option, out, error) from error
        target = out.resolve()
        if target in options:
            raise InputError(f"{options[target]} and {option} are both {out}: give each a file of its own.")
        options[target] = option


def write_table(frame: "pl.DataFrame", out: Path, option: str = "--out") -> None:
    """Write a table as Parquet; a killed run leaves the old file or none.

    Args:
        frame: the table.
        out: the path of the file.
        option: that named it, for the error message.

    Raises:
        InputError: the path can't be written.
    """
    target = out.resolve()  # a link stays a link
    draft = target.with_name(f".stillwatch-{os.getpid()}.draft")  # as short as it is, it may be longer than the name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(draft)
        draft.chmod(0o666 & ~_usual["mask"])
        draft.replace(target)
    except OSError as error:
        raise _unwritable(option, out, error) from error
    finally:  # Polars has errors of its own for a full disk
        with suppress(OSError):
            draft.unlink()


def check_output_folder(out: Path, option: str = "--out") -> None:
    """Refuse a folder that can't be written, or that holds something, before any work is done.

    Raises:
        InputError: it is no folder, holds something, or can't be written.
    """
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file: give {option} the name of a new or empty folder.")
        if out.is_dir() and any(out.iterdir()):
            raise InputError(f"{out} holds something already: give {option} the name of a new or empty folder.")
        _check_ancestor(option, out)
    except OSError as error:
        raise _unwritable(option, out, error) from error


def write_folder(out: Path, write: Callable[[Path], None], option: str = "--out") -> None:
    """Write a folder that appears whole or not at all; what is private in it stays so.

    Args:
        out: the path of the folder.
        write: writes the files into an empty folder, below `PRIVATE_PART` those that are for their owner only.
        option: that named it, for the error message.

    Raises:
        InputError: the path can't be written.
    """
    target = out.resolve()
    draft = target.with_name(f".stillwatch-{os.getpid()}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write(draft)
        for path in (draft, *draft.rglob("*")):
            is_private = PRIVATE_PART in path.relative_to(draft).parts
            mask = PRIVATE if is_private else _usual["mask"]
            path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
        draft.replace(target)
    except OSError as error:
        raise _unwritable(option, out, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_output(option: str, out: Path) -> None:
    if not out.name:
        raise InputError(
            f"{option} is {str(out)!r}, which is not the name of a file: give {option} the name of a file."
        )
    if out.is_dir():
        raise InputError(f"{out} is a folder: give {option} the name of a file.")
    if out.exists() and not out.is_file():
        raise InputError(f"{out} is a device, not a file: give {option} the name of a file.")
    _check_ancestor(option, out)


def _check_ancestor(option: str, out: Path) -> None:
    """Refuse a path in a folder that can't be written to."""
    ancestor = next(folder for folder in out.resolve().parents if folder.exists())
    if not ancestor.is_dir():
        raise InputError(f"{out} can't be written ({ancestor} is not a folder): choose another {option}.")
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise InputError(f"{out} can't be written ({ancestor} is write-protected): choose another {option}.")


def _unwritable(option: str, out: Path, error: OSError) -> InputError:
    return InputError(f"{out} can't be written ({error.strerror or error}): choose another {option}.")
