"""Failures in words: one sentence and an exit status for whatever ends a command."""

from collections.abc import Iterator

import typer

from features.errors import InputError, StillwatchError
from pipelines.remote.opening import by_address

CALLER, OTHER = 2, 1  # exit statuses of the contract
_ADVICE = {  # by what the operating system, or a library that it told, says
    "no space left on device": "the disk is full: make room, then run the same command again.",
    "disk quota exceeded": "the disk quota is used up: make room, then run the same command again.",
    "database or disk is full": "the disk is full: make room, then run the same command again.",
    "file too large": "a file would be larger than the system allows: raise the limit, then run the command again.",
    "read-only file system": "a file can't be written, since its file system is read-only: choose a place to write to.",
    "readonly database": "a database of the workspace is write-protected: choose a --workspace to write to.",
    "permission denied": "a file can't be used, since its permissions forbid it: change them, or choose another path.",
    "operation not permitted": "a file can't be used, since the system forbids it: choose another path.",
    "unable to open database file": "a database of the workspace can't be opened: check that its folder is writable.",
    "file name too long": "a path is too long: choose a shorter one.",
    "too many open files": "too many files are open: raise the limit (ulimit -n), then run the command again.",
    "database is locked": "another process uses a database of the workspace: wait for it to end, then run again.",
}


def describe_failure(error: Exception) -> tuple[str, int]:
    """Say in one sentence what ended a command, and with which exit status it ends.

    Args:
        error: what was raised; also what it was raised from is looked at.
    """
    if type(error).__name__ == "NoArgsIsHelpError":  # typer's own is private
        return str(error), CALLER
    foreseen = _foreseen(error)
    if foreseen is not None:
        return f"stillwatch: {by_address(_one_line(foreseen[0]))}", foreseen[1]
    return (
        f"stillwatch: an error that should not happen, {type(error).__name__}: {_one_line(str(error))[:200]} (set "
        "STILLWATCH_TRACEBACK=1 to see where, and report it)."
    ), OTHER


def is_unforeseen(error: Exception) -> bool:
    """Tell whether nobody foresaw an error, so that only its traceback says what to do."""
    return type(error).__name__ != "NoArgsIsHelpError" and _foreseen(error) is None


def _foreseen(error: Exception) -> tuple[str, int] | None:
    """The sentence and the status of an error that is the caller's, the operator's or the machine's."""
    if isinstance(error, StillwatchError):
        return str(error), CALLER if isinstance(error, InputError) else OTHER
    if isinstance(error, typer.Abort):
        return "aborted.", OTHER
    if hasattr(error, "format_message"):  # of typer: a bad call
        context = getattr(error, "ctx", None)
        command = f" (see `{context.command_path} --help`)" if context else ""
        return f"{error.format_message().rstrip('.')}{command}.", CALLER
    for cause in _causes(error):
        text = str(cause).lower()
        for words, advice in _ADVICE.items():
            if words in text:
                return f"{_file_of(cause)}{advice}", CALLER
        if type(cause).__module__.startswith("redis."):
            return f"the online store that STILLWATCH_ONLINE names can't be used ({cause}): check it.", CALLER
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} can't be used ({error.strerror}): check the path.", CALLER
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from, the newest first."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _file_of(error: BaseException) -> str:
    """Name the file that the system complained of, where it says which."""
    name = error.filename if isinstance(error, OSError) else None
    return "" if name is None else f"{name}: "


def _one_line(text: str) -> str:
    return " ".join(text.split())
