"""Files that are replaced as a whole, each with the digest of its content beside it."""

import os
from pathlib import Path

from features.errors import IntegrityError
from features.tables.data_files import digest_of

_checked: set[tuple[str, int, int]] = set()  # path, time of change and size of the files that this process has checked


def replace_sealed(draft: Path, path: Path) -> None:
    """Let a whole draft take a file's place, and note its digest; a kill leaves the old or the new file, both good."""
    seal, digest = _seal(path), digest_of(draft)
    _write(seal, [*_digests(seal), digest] if path.exists() else [digest])
    draft.replace(path)
    _write(seal, [digest])


def check_sealed(path: Path) -> None:
    """Check once in a process that a file is what was written; one without a seal is of an older release.

    Raises:
        IntegrityError: it was changed.
    """
    seal = _seal(path)
    if not (path.exists() and seal.exists()):
        return
    state = path.stat()
    mark = (str(path), state.st_mtime_ns, state.st_size)
    if mark in _checked:
        return
    if digest_of(path) not in _digests(seal):
        raise IntegrityError(f"{path} is damaged: remove it, and what it holds is computed again.")
    _checked.add(mark)


def seal_file(path: Path) -> None:
    """Note the digest of a file that somebody else writes in place."""
    _write(_seal(path), [digest_of(path)])


def is_sealed(path: Path) -> bool:
    """Tell whether a file is what was last noted of it, or has no seal yet."""
    return not _seal(path).exists() or digest_of(path) in _digests(_seal(path))


def remove_sealed(path: Path) -> None:
    """Remove a file with its seal."""
    path.unlink(missing_ok=True)
    _seal(path).unlink(missing_ok=True)


def _seal(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _digests(seal: Path) -> list[str]:
    return seal.read_bytes().decode("latin-1").split() if seal.exists() else []


def _write(seal: Path, digests: list[str]) -> None:
    draft = seal.with_name(f"{seal.name}.{os.getpid()}.draft")
    draft.write_text("\n".join(digests))
    draft.replace(seal)
