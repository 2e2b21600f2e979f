"""A table's log: opened and checked once for each of its states, and sealed after each commit.

The log says which data files a table consists of, and its files have no checksums of their own: the seal holds their
digests.
"""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

from deltalake import DeltaTable

from features.errors import IntegrityError
from features.tables.data_files import digest_of

LOG, SEAL = "_delta_log", "_seal.json"  # tables ignore files whose name begins with a line
_VERSION = 20  # digits of a version, with which the name of a commit or checkpoint begins
_checked: set[tuple[str, int, int]] = set()
_MOST_OPEN = 32  # tables that stay open: those of a few workspaces, or of one in its last few states


def seal_log(folder: Path) -> None:
    """Write the digests of a table's log."""
    digests = {path.name: digest_of(path) for path in sorted((folder / LOG).iterdir()) if path.is_file()}
    draft = folder / f"_draft-{os.getpid()}.seal"
    draft.write_text(json.dumps(digests))
    draft.replace(folder / SEAL)


def open_log(folder: Path) -> DeltaTable:
    """Open a table, or return it as it was opened before if no file of its log has changed since.

    Raises:
        IntegrityError: a file of the log was changed.
        DeltaError: it can't be read.
    """
    with os.scandir(folder / LOG) as entries:
        states = sorted((entry.name, state.st_ctime_ns, state.st_size) for entry in entries if (state := entry.stat()))
    return _open(folder, hashlib.sha256(repr(states).encode()).digest())


@lru_cache(maxsize=_MOST_OPEN)
def _open(folder: Path, _states: bytes) -> DeltaTable:
    """A commit through the table moves it on, and is another state of the log, under which nobody has opened it yet."""
    check_log(folder)
    return DeltaTable(folder)


def check_log(folder: Path) -> None:
    """Check each file of a table's log once in a process.

    A commit or checkpoint that is younger than the seal is let pass: a kill came between the two. So is a log without a
    seal, which an older release wrote.

    Raises:
        IntegrityError: a file of the log was changed.
    """
    seal = folder / SEAL
    if not seal.exists():
        return
    try:
        digests = dict(json.loads(seal.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"{seal} is damaged: restore the table's folder from a copy.") from error
    youngest = max((name[:_VERSION] for name in digests if name[:1].isdigit()), default="")
    for path in (folder / LOG).iterdir():
        state = path.stat()
        mark = (str(path), state.st_mtime_ns, state.st_size)
        is_younger = not path.name[:1].isdigit() or path.name[:_VERSION] >= youngest
        if mark in _checked or (path.name not in digests and is_younger):
            continue
        if digests.get(path.name) != digest_of(path):
            raise IntegrityError(f"{path} is damaged: restore the table's folder from a copy.")
        _checked.add(mark)
