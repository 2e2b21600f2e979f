"""A name for the state of the code that something was made with."""

import hashlib
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path

from features.code_version.import_closure import CODE, import_closure, read_source

CODE_ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def code_version(module: str) -> str:
    """Digest of all code that a module depends on: whatever it made before under another digest is made anew.

    Args:
        module: dotted name. Its import closure counts, with the data files of the packages in it and the releases of
            the libraries; comments, docstrings and layout do not.

    Returns:
        12 hexadecimal digits.
    """
    closure = import_closure(CODE_ROOT, module)
    total = hashlib.sha256()
    for path in closure.files:
        total.update(path.relative_to(CODE_ROOT).as_posix().encode())
        total.update(_content(path))
    for name in closure.distributions:
        total.update(f"{name}=={installed_version(name)}".encode())
    return total.hexdigest()[:12]


def _content(path: Path) -> bytes:
    """What of a file can change a result."""
    return read_source(path, path.stat().st_mtime_ns).digest if path.suffix == CODE else path.read_bytes()
