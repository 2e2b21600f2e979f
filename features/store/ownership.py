"""Whose rows an online store holds: the workspace's own identity, and the marker that says what was brought online.

A server such as Redis may be shared, emptied, or restored from an old copy, and a file may be replaced. The marker is
a row of the online store itself, so it is gone when the rows are gone: without it nobody is a stranger.
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MARKER_ID = "\u0000stillwatch: what was brought online"
"""The marker's account id; no log holds it."""

_FILE = "identity.json"


@dataclass(frozen=True, slots=True)
class Marker:
    """What the online store says of itself.

    Attributes:
        store_id: identity of the workspace that filled it.
        as_of: the newest time whose features were brought online.
        accounts: how many ids were brought online together, the last time that all were.
    """

    store_id: str
    as_of: datetime
    accounts: int

    def to_text(self) -> str:
        """Write it as JSON."""
        return json.dumps({"store": self.store_id, "as_of": self.as_of.isoformat(), "accounts": self.accounts})


def read_marker_text(text: str | None) -> Marker | None:
    """Read what `Marker.to_text` wrote; None for anything else."""
    try:
        row = json.loads(text or "")
        return Marker(str(row["store"]), datetime.fromisoformat(row["as_of"]), int(row["accounts"]))
    except (ValueError, TypeError, KeyError):
        return None


def store_identity(root: Path, *, is_shared: bool) -> str:
    """Return the identity of a workspace's online rows; drawn when it is first asked for.

    A copied folder must not write over the original's rows on a shared server. A copy is a file of its own to the file
    system, so its identity is drawn again, and the next build fills the server for it. A folder that is only moved
    keeps its identity.

    Args:
        root: folder of the feature store.
        is_shared: whether the online store is a server that others use too.
    """
    path = root / _FILE
    stored = _read(path)
    if stored is not None and (stored[1] == path.stat().st_ino or not is_shared):
        return stored[0]
    _write(path, secrets.token_hex(8), replaces=stored is not None)
    again = _read(path)
    if again is None:
        raise OSError(f"{path} can't be read")
    return again[0]


def _read(path: Path) -> tuple[str, int] | None:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return str(row["id"]), int(row["file"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, identity: str, *, replaces: bool) -> None:
    """Write an identity that names its own file; of two that write the first one, the earlier wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"id": identity, "file": os.fstat(file.fileno()).st_ino}, file)
    if replaces or (path.exists() and _read(path) is None):
        draft.replace(path)
        return
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
