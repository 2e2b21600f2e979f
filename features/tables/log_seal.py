"""The seal of a table's log: the digests of its files, written after each commit.

The log says which data files a table consists of, and its files have no checksums of their own.
"""

import json
import os
from pathlib import Path

from features.errors import IntegrityError
from features.tables.data_files import digest_of

LOG, _SEAL = "_delta_log", "_seal.json"  # tables ignore files whose name begins with a line
_VERSION = 20  # digits of a version, with which the name of a commit or checkpoint begins
_checked: set[tuple[str, int, int]] = set()


def seal_log(folder: Path) -> None:
    """Write the digests of a table's log."""
    digests = {path.name: digest_of(path) for path in sorted((folder / LOG).iterdir()) if path.is_file()}
    draft = folder / f"_draft-{os.getpid()}.seal"
    draft.write_text(json.dumps(digests))
    draft.replace(folder / _SEAL)


def check_log(folder: Path) -> None:
    """Check each file of a table's log once in a process.

    A commit or checkpoint that is younger than the seal is let pass: a kill came between the two. So is a log without a
    seal, which an older release wrote.

    Raises:
        IntegrityError: a file of the log was changed.
    """
    seal = folder / _SEAL
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
