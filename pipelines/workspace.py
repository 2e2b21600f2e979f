"""A workspace: the folder that holds all state of a run. Two workspaces never touch each other."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from features.errors import InputError, IntegrityError
from features.identity import SECRET_BYTES, Keyring
from features.lake import Lake
from features.lookup import FeatureLookup
from pipelines.settings import settings


@dataclass(frozen=True)
class Workspace:
    """Paths and stores of one run.

    Attributes:
        root: the folder; created by the first command that writes.
    """

    root: Path

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        return Lake(self.root / "lake")

    @cached_property
    def lookup(self) -> FeatureLookup:
        """The feature store."""
        return FeatureLookup(self.root / "features", online_store=settings().online)

    @property
    def tracking_uri(self) -> str:
        """MLflow's backend."""
        default = f"sqlite:///{self.artifacts.parent.resolve() / 'mlflow.db'}"
        return settings().tracking_uri or default

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps files of new experiments."""
        return self.root / "mlruns" / "artifacts"

    @property
    def bento(self) -> Path:
        """The packaged champion."""
        return self.root / "bento"

    @cached_property
    def keyring(self) -> Keyring:
        """The secret from the environment, else from the workspace, else a new one (mode 0600).

        Raises:
            InputError: the workspace was filled with another key: the same text would get other hashes.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        keyring = Keyring(settings().secret() or _kept_secret(self.root / "key"))
        mark = self.root / "key.fingerprint"
        if not mark.exists():
            _create(mark, keyring.fingerprint.encode())
        if mark.read_text() != keyring.fingerprint:
            raise InputError(
                f"the workspace {self.root} was filled under another key: set STILLWATCH_KEY to that key, or "
                "choose another workspace."
            )
        return keyring

    @contextmanager
    def locked(self) -> Iterator[Path]:
        """Hold the workspace for one writer, and give it a scratch folder that is empty and vanishes.

        Raises:
            InputError: another process holds it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            held = (self.root / "lock").open("a")
        except OSError as error:
            raise InputError(f"{self.root} can't be written ({error.strerror}): choose another --workspace.") from error
        with held as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another command writes to {self.root}: wait for it to end.") from None
            scratch = self.root / "scratch"
            shutil.rmtree(scratch, ignore_errors=True)  # a killed run's
            scratch.mkdir()
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)


def _create(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, and never replaces another."""
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


def _kept_secret(path: Path) -> bytes:
    if not path.exists():
        _create(path, secrets.token_hex(SECRET_BYTES).encode())
    try:
        return bytes.fromhex(path.read_text())
    except ValueError as error:
        raise IntegrityError(f"{path} does not hold a key: restore it from a copy.") from error
