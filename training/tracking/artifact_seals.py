"""Seals of a run's files: the digest of each, as a tag of the run, compared when the file is read.

Models and test sets have digests of their own. Runs of older releases have no seals, and are read without.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from features.errors import IntegrityError

_TAG = "sha256."  # begins the name of a tag; the file's name follows


def log_sealed(client: Any, run: str, path: Path) -> None:
    """Log a file with its seal; the seal first, so that no kill leaves a file without."""
    client.set_tag(run, f"{_TAG}{path.name}", hashlib.sha256(path.read_bytes()).hexdigest())
    client.log_artifact(run, str(path))


def log_sealed_text(client: Any, run: str, text: str, name: str) -> None:
    """Log a text as a file with its seal."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        path = Path(scratch) / name
        path.write_bytes(text.encode())
        log_sealed(client, run, path)


def check_seal(client: Any, run: str, path: Path) -> None:
    """Check a file that was downloaded from a run.

    Raises:
        IntegrityError: it is not what was logged.
    """
    seal = client.get_run(run).data.tags.get(f"{_TAG}{path.name}")
    if seal is not None and hashlib.sha256(path.read_bytes()).hexdigest() not in seal.split():
        raise IntegrityError(f"{path.name} of the run {run} is damaged: restore it from a copy, or train again.")


def replace_sealed_file(client: Any, run: str, draft: Path, path: Path, put: Callable[[Path], None]) -> None:
    """Let a draft take the place of a run's file; a kill leaves the old or the new, both good.

    Of a deleted run, which nobody reads, the seal stays as it is.

    Args:
        client: of the store.
        run: whose file it is.
        draft: beside the file.
        path: the file, in MLflow's own folder or in a copy of it.
        put: called with the path of the new file, to bring it where MLflow keeps it.
    """
    stored, tag = client.get_run(run), f"{_TAG}{path.name}"
    seal = stored.data.tags.get(tag) if stored.info.lifecycle_stage == "active" else None
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    if seal is not None:
        client.set_tag(run, tag, f"{seal} {digest}")
    draft.replace(path)
    put(path)
    if seal is not None:
        client.set_tag(run, tag, digest)
