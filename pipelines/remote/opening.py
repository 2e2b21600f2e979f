"""From the address of a workspace to the folder of this machine that holds copies of it, and back."""

import fcntl
import hashlib
import json
import os
import secrets
from pathlib import Path

from features.errors import IntegrityError
from pipelines.remote.mirror import MARK, Mirror
from pipelines.remote.object_store import ObjectStore, check_address
from pipelines.settings import settings

LOCAL_LOCK = "lock"
"""The file that the one command holds that works in a folder."""

_mirrors: dict[Path, Mirror] = {}  # of this process: a folder's, and what it knows of the objects, is one


def open_address(text: str) -> Path:
    """Return the folder with copies of a workspace, brought up to date unless a command works in it.

    Args:
        text: the address, as a person gave it.

    Raises:
        InputError: it is none, or the store can't be used; then no folder is made.
    """
    address, access = check_address(text), settings().store_access()
    name = hashlib.sha256(f"{access.endpoint} {address}".encode()).hexdigest()[:16]
    folder = settings().cache.expanduser().resolve() / name
    ObjectStore(address, access).check()
    _make_folder(folder, address)
    mirror = mirror_of(folder)
    assert mirror is not None  # its mark was made
    with (folder / LOCAL_LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return folder  # whoever holds it keeps it up to date
        mirror.renew_store()
        mirror.pull()
    return folder


def mirror_of(folder: Path) -> Mirror | None:
    """The workspace on an object store that a folder has copies of; None for a workspace of its own.

    Raises:
        IntegrityError: nobody can say.
    """
    path = folder.resolve()
    mark = path / MARK
    if path not in _mirrors:
        if not mark.exists():
            return None
        try:
            _mirrors[path] = Mirror(str(json.loads(mark.read_text(encoding="utf-8"))["address"]), path)
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{mark} is damaged: remove its folder, which has copies only.") from error
    return _mirrors[path]


def by_address(text: str) -> str:
    """Name in a message the workspaces on object stores by their addresses, not by the folders with copies."""
    for folder, mirror in _mirrors.items():
        text = text.replace(str(folder), mirror.address)
    return text


def _make_folder(folder: Path, address: str) -> None:
    mark = folder / MARK
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not mark.exists():
        draft = folder / f"{MARK}.{os.getpid()}.draft"
        draft.write_text(json.dumps({"address": address, "folder": secrets.token_hex(8)}))
        draft.replace(mark)
