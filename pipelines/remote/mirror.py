"""The folder of a machine that commands work in, with copies of a workspace's objects.

The objects are the workspace. A command takes the lock, brings the folder up to date, works in it as in any workspace,
and stores each commit of a table when it is made; the rest is stored at its end. So a command that was killed leaves
whole commits only, and what it left in the folder alone is thrown away by the next one. Data files are named by their
content: they are fetched when they are read, and checked.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from features.errors import IntegrityError, StillwatchError
from features.tables.data_files import DRAFT, admit_copy, check_content, digest_of
from pipelines.remote.lease import Lease, Owner
from pipelines.remote.object_store import ObjectStore, StoredObject
from pipelines.remote.shared_files import in_writing_order, is_data, is_shared, is_unique, seals
from pipelines.settings import settings

MARK = "remote.json"  # says of a folder which workspace it has copies of
_NOTES = "mirror.json"
_AT_A_TIME = 8  # requests; more of them do not make a short list of files faster
_PULLS = 3  # times that a list is read again, because an object went in between


class Mirror:
    """A workspace on an object store with its folder of copies; in another process it knows the same two names.

    Args:
        address: of the workspace.
        folder: with the copies.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self._store: ObjectStore | None = None
        self._objects: dict[str, StoredObject] = {}
        self._copies: dict[str, tuple[str, str]] = {}  # tag of a small object, and digest of the file that is its copy
        self._states: dict[str, tuple[int, int]] = {}  # time of change and size of a file when it was last looked at
        self._lease: Lease | None = None

    def __reduce__(self) -> tuple[type["Mirror"], tuple[str, Path]]:
        return Mirror, (self.address, self.folder)

    @property
    def store(self) -> ObjectStore:
        """The objects, opened with what the settings of this process say."""
        if self._store is None:
            self._store = ObjectStore(self.address, settings().store_access())
        return self._store

    def renew_store(self) -> None:
        """Open the objects anew when they are next needed: the settings may be others by now."""
        self._store = None

    @property
    def identity(self) -> str:
        """A digest that distinguishes this workspace from others, on whatever machine."""
        return hashlib.sha256(f"{settings().store_access().endpoint} {self.address}".encode()).hexdigest()[:16]

    @contextmanager
    def held(self, owner: Owner) -> Iterator[None]:
        """Hold the workspace's lock, with the folder as the workspace is; store at the end what is new.

        Raises:
            InputError: somebody else holds it.
            StillwatchError: the lock was lost on the way.
        """
        self.renew_store()
        folder_id = json.loads((self.folder / MARK).read_text(encoding="utf-8"))["folder"]
        lease = Lease(self.store, self.address, owner, folder_id)
        lease.acquire()
        self._lease = lease
        try:
            self.pull()
            yield
            self.push()
        finally:
            self._lease = None
            lease.release()

    def pull(self) -> None:
        """Bring the folder up to date with the objects, but for data files, which are only removed here.

        Raises:
            StillwatchError: the objects change faster than they can be read.
        """
        self._read_notes()
        for _ in range(_PULLS):
            self._objects = {path: item for path, item in self.store.list().items() if is_shared(path)}
            small = [path for path in self._objects if not is_data(path)]
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                are_there = list(pool.map(self._copy, [path for path in small if not self._is_copied(path)]))
            if all(are_there):
                break
        else:
            raise StillwatchError(f"{self.address} is being changed: run the same command again.")
        for path in self._files():
            if path not in self._objects:
                (self.folder / path).unlink(missing_ok=True)
        self._states = {path: self._state(path) for path in small}
        self._write_notes()

    def push(self, below: str = "") -> None:
        """Store the files of the folder, or of one in it, that are not what their objects are; remove what went.

        Raises:
            StillwatchError: the lock is not held, or somebody else has committed.
        """
        if self._lease is None:
            raise StillwatchError(f"{self.address} was to be changed by a command that does not hold it: report it.")
        files = self._files(below)
        new = [path for path in files if (path not in self._objects if is_data(path) else self._is_changed(path))]
        small = {path for path in self._objects if path.startswith(below) and not is_data(path)}
        gone, sealing = small - set(files), seals(new)
        if not (new or gone):
            return
        self._lease.check()
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for group in in_writing_order(new):
                list(pool.map(self._write, group))
            self._delete(gone)
            list(pool.map(self._write, sealing))
        self._write_notes()

    def publish(self, folder: Path) -> None:
        """Store what was committed to a table."""
        self.push(f"{folder.relative_to(self.folder).as_posix()}/")

    def fetch(self, files: Sequence[Path]) -> None:
        """Bring data files into the folder that are not there, or damaged there.

        Raises:
            IntegrityError: an object is missing or damaged.
        """
        missing = [file for file in files if not _is_whole(file)]
        if missing:
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                list(pool.map(self._fetch, missing))

    def fetch_all(self) -> None:
        """Bring all data files into the folder."""
        self.fetch([self.folder / path for path in self._objects if is_data(path)])

    def tidy(self, folder: Path, live: Collection[Path]) -> None:
        """Remove the data files of a table that are not live."""
        below = f"{folder.relative_to(self.folder).as_posix()}/"
        needed = {path.relative_to(self.folder).as_posix() for path in live}
        self._delete({path for path in self._objects if is_data(path) and path.startswith(below)} - needed)

    def sizes(self) -> list[int]:
        """Bytes of each object of the lake."""
        return [item.size for path, item in self._objects.items() if path.startswith("lake/")]

    def unlike(self) -> list[str]:
        """The objects, by a new list, that are not what was read or written last; none while the lock is held."""
        listed = {path: item.tag for path, item in self.store.list().items() if is_shared(path)}
        stored = {path: item.tag for path, item in self._objects.items()}
        return sorted(path for path, tag in listed.items() if stored.get(path) != tag)

    def _files(self, below: str = "") -> list[str]:
        """The shared files of the folder, or of one in it."""
        tops = [below] if below else ["lake", "mlruns"]
        inside = [path for top in tops for path in (self.folder / top).rglob("*") if path.is_file()]
        alone = [] if below else list(self.folder.glob("key.*"))
        paths = [path.relative_to(self.folder).as_posix() for path in (*inside, *alone)]
        return [path for path in paths if is_shared(path)]

    def _copy(self, path: str) -> bool:
        """Copy a small object into the folder; False if it is gone by now."""
        answer = self.store.read(path)
        if answer is None:
            return False
        content, tag = answer
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{DRAFT}{secrets.token_hex(8)}")
        draft.write_bytes(content)
        draft.replace(target)
        self._note(path, tag, len(content), hashlib.sha256(content).hexdigest())
        return True

    def _is_copied(self, path: str) -> bool:
        """Tell whether a file is a copy of its object; a copy that was changed since is none."""
        file, (tag, digest) = self.folder / path, self._copies.get(path, ("", ""))
        return tag == self._objects[path].tag and file.exists() and digest_of(file) == digest

    def _is_changed(self, path: str) -> bool:
        state = self._state(path)
        if self._states.get(path) == state:
            return False
        self._states[path] = state
        return path not in self._objects or digest_of(self.folder / path) != self._copies[path][1]

    def _state(self, path: str) -> tuple[int, int]:
        state = (self.folder / path).stat()
        return state.st_mtime_ns, state.st_size

    def _write(self, path: str) -> None:
        """Write a file to its object.

        Raises:
            StillwatchError: it must not be replaced, and there is another one.
        """
        file = self.folder / path
        if is_data(path):
            self._objects[path] = StoredObject(file.stat().st_size, self.store.write(path, file))
        elif not is_unique(path):
            self._note(path, self.store.write(path, file), file.stat().st_size, digest_of(file))
        else:
            content = file.read_bytes()
            tag = self.store.create(path, content)
            if tag is None:
                raise StillwatchError(
                    f"another command has written {self.address}/{path} meanwhile, so nothing more was stored: run the "
                    "same command again."
                )
            self._note(path, tag, len(content), hashlib.sha256(content).hexdigest())

    def _delete(self, paths: Collection[str]) -> None:
        self.store.delete(paths)
        for path in paths:
            self._objects.pop(path, None)
            self._copies.pop(path, None)
            self._states.pop(path, None)

    def _note(self, path: str, tag: str, size: int, digest: str) -> None:
        self._objects[path] = StoredObject(size, tag)
        self._copies[path] = (tag, digest)

    def _fetch(self, file: Path) -> None:
        path = file.relative_to(self.folder).as_posix()
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{DRAFT}{secrets.token_hex(8)}.parquet")
        try:
            if not self.store.download(path, draft):
                raise IntegrityError(f"{self.address}/{path} is missing: restore it from a copy.")
            if not admit_copy(draft, file):
                raise IntegrityError(
                    f"{self.address}/{path} is damaged: its content is not what was written; restore it from a copy."
                )
        finally:
            draft.unlink(missing_ok=True)

    def _read_notes(self) -> None:
        """What the folder's files are copies of; nothing is lost with it but time."""
        try:
            notes = json.loads((self.folder / _NOTES).read_text(encoding="utf-8"))
            self._copies = {str(path): (str(tag), str(digest)) for path, (tag, digest) in notes.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            self._copies = {}

    def _write_notes(self) -> None:
        draft = self.folder / f"{_NOTES}.{os.getpid()}.draft"
        draft.write_text(json.dumps(self._copies))
        draft.replace(self.folder / _NOTES)


def _is_whole(file: Path) -> bool:
    """Check a file (`check_content`); one that is damaged in the folder is removed."""
    try:
        check_content(file)
    except IntegrityError:
        file.unlink(missing_ok=True)
        return False
    return True
