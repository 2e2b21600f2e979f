"""The workspace: the folder that holds all state of a run. Two workspaces never touch each other."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TextIO

from features.errors import InputError, IntegrityError
from features.identity import SECRET_BYTES, Keyring
from features.lake import Lake
from features.store.lookup import FeatureLookup
from features.tables.data_files import NO_REMOTE
from pipelines.execute.engine import IN_PROCESS, Engine
from pipelines.remote.lease import Owner
from pipelines.remote.mirror import Mirror
from pipelines.remote.opening import LOCAL_LOCK, mirror_of
from pipelines.settings import settings
from serving.access.audit import AuditLog
from serving.access.keys import KeyFile

# Delta Lake decodes a per cent sign and a backslash and refuses brackets and line ends, Polars takes "a=b" for a
# partition, and MLflow ends a path at the others.
_AWKWARD = frozenset("%\\[]=?#") | frozenset(map(chr, range(32)))
_OF_AN_UNUSED_ONE = {"key", "key.fingerprint", "lock"}  # files of a workspace in which nothing was stored


@dataclass(frozen=True)
class Workspace:
    """Paths and stores of one run.

    Attributes:
        root: the folder; the first command that writes creates it.
        names_at: the time whose ids accounts have (`features.lake.Lake`); None: each time's own.
        engine: runs the units of work of the command that opened the workspace.
    """

    root: Path
    names_at: datetime | None = None
    engine: Engine = IN_PROCESS

    def __post_init__(self) -> None:
        """Refuse a path that the libraries of tables and models read as another one.

        Raises:
            InputError: it holds such a character.
        """
        awkward = sorted(_AWKWARD & set(str(self.root.resolve())))
        if awkward:
            raise InputError(
                f"the path {str(self.root)!r} holds the character {awkward[0]!r}, which the tables' library takes for "
                "something else: choose a --workspace without it."
            )

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        return Lake(self.root / "lake", names_at=self.names_at, remote=self.mirror or NO_REMOTE)

    @property
    def mirror(self) -> Mirror | None:
        """The workspace on an object store that the folder has copies of; None for one that is the folder itself."""
        return mirror_of(self.root)

    @property
    def address(self) -> str:
        """What a person calls it: its address on an object store, or its folder."""
        return str(self.root) if self.mirror is None else self.mirror.address

    def named_at(self, as_of: datetime) -> "Workspace":
        """This workspace, asked as of a time: looking back from there, accounts have the ids that hold then.

        Within a question that looks back from a later time, that time's ids stay.
        """
        return self if self.names_at else replace(self, names_at=as_of)

    @cached_property
    def lookup(self) -> FeatureLookup:
        """The feature store."""
        return FeatureLookup(self.root / "features", online_store=settings().online)

    @cached_property
    def tracking_uri(self) -> str:
        """MLflow's backend; that of a copied or moved workspace is told first that it lies elsewhere now."""
        configured = settings().tracking_uri
        if configured:
            return configured
        database = self.artifacts.parent.resolve() / "mlflow.db"
        if database.exists():
            from training.tracking.relocation import relocate  # with libraries that an ingest need not wait for

            relocate(database, self.artifacts)
        return f"sqlite:///{database}"

    @property
    def identity(self) -> str:
        """A digest that distinguishes this workspace from others that share its tracking store."""
        if self.mirror is not None:
            return self.mirror.identity
        return hashlib.sha256(f"{socket.gethostname()}:{self.root.resolve()}".encode()).hexdigest()[:16]

    @property
    def scratch(self) -> Path:
        """The folder of drafts of the command that holds the workspace."""
        return self.root / "scratch"

    @property
    def access_keys(self) -> KeyFile:
        """The keys that open the workspace's servers."""
        return KeyFile(self.root / "access" / "keys.json")

    @property
    def audit_log(self) -> AuditLog:
        """Who asked the workspace's servers for what, and who changed its keys."""
        return AuditLog(self.root / "access" / "audit.jsonl")

    @property
    def artifacts(self) -> Path:
        """The folder where MLflow keeps the files of new experiments."""
        return self.root / "mlruns" / "artifacts"

    @property
    def bento(self) -> Path:
        """The folder of packaged champions."""
        return self.root / "bento"

    @cached_property
    def keyring(self) -> Keyring:
        """The secret from the environment, else from the workspace, else a new one (mode 0600).

        Raises:
            InputError: the workspace was filled under another key, so the same text would get other hashes.
        """
        secret = settings().secret()
        if secret is None and self.mirror is not None:
            raise InputError(
                f"STILLWATCH_KEY is not set, and {self.address} must not hold the secret key: set it to 64 hexadecimal "
                "digits (`openssl rand -hex 32`), the same for all machines."
            )
        self.root.mkdir(parents=True, exist_ok=True)
        keyring = Keyring(secret or _stored_secret(self.root / "key"))
        mark = self.root / "key.fingerprint"
        if not mark.exists():
            _create(mark, keyring.fingerprint.encode())
        if mark.read_text() != keyring.fingerprint:
            raise InputError(
                f"the workspace {self.root} was filled under another key, or by an older release whose keys match no "
                "new ones: set STILLWATCH_KEY to that key, or ingest the logs into a new workspace."
            )
        return keyring

    @contextmanager
    def locked(self, command: str) -> Iterator[Path]:
        """Hold the workspace for one writer, and yield an empty scratch folder that is removed at the end.

        Args:
            command: the name of the command, for the error message of a second writer.

        Raises:
            InputError: another process holds the workspace (the message says which), or it can't be written.
        """
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            held = (self.root / LOCAL_LOCK).open("a+")
        except OSError as error:
            raise InputError(f"{self.root} can't be written ({error.strerror}): choose another --workspace.") from error
        with held as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{_owner(lock)} writes to {self.root}: wait for it to end.") from None
            since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            owner = Owner(command=command, process=os.getpid(), host=socket.gethostname(), since=since)
            scratch = self.scratch
            try:
                _sign(lock, owner)
                shutil.rmtree(scratch, ignore_errors=True)  # a killed run's
                scratch.mkdir()
                with nullcontext() if self.mirror is None else self.mirror.held(owner):
                    yield scratch
            except BaseException:
                shutil.rmtree(scratch, ignore_errors=True)
                _remove_unused(missing)
                raise
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                _sign(lock, None)


def _remove_unused(made: Sequence[Path]) -> None:
    """Remove a workspace that a command made, with the folders around it, if it has stored nothing.

    Args:
        made: the workspace and folders around it, from within; empty for a workspace that was there before.
    """
    if made and {path.name for path in made[0].iterdir()} <= _OF_AN_UNUSED_ONE:
        for path in made[0].iterdir():
            path.unlink()
        with suppress(OSError):  # somebody else has put something there since
            for folder in made:
                folder.rmdir()


def _sign(lock: TextIO, owner: Owner | None) -> None:
    """Write the owner into the lock file, or empty it. The next owner overwrites what a killed run left."""
    lock.truncate(0)  # the file is open for appending, so this is also where the next write begins
    if owner is not None:
        lock.write(json.dumps(asdict(owner)))
        lock.flush()


def _owner(lock: TextIO) -> str:
    """Describe the holder of a lock; "another command" in the moment before it has signed."""
    try:
        lock.seek(0)
        return Owner(**json.loads(lock.read())).describe(datetime.now(UTC))
    except (ValueError, TypeError):
        return "another command"


def _create(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all and never replaces another."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _stored_secret(path: Path) -> bytes:
    """Read the workspace's secret, or make and store a new one."""
    if not path.exists():
        _create(path, secrets.token_hex(SECRET_BYTES).encode())
    try:
        return bytes.fromhex(path.read_text())
    except ValueError as error:
        raise IntegrityError(f"{path} does not hold a key: restore it from a copy.") from error
