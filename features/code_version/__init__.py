"""A name for the state of the code that something was made with."""

import ast
import hashlib
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path

from features.code_version.import_closure import import_closure

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
        total.update(_content(path, path.stat().st_mtime_ns))
    for name in closure.distributions:
        total.update(f"{name}=={installed_version(name)}".encode())
    return total.hexdigest()[:12]


@cache
def _content(path: Path, _changed: int) -> bytes:
    """What of a file, as it was changed last, can change a result."""
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return ast.dump(tree).encode()


def _is_text(node: ast.AST) -> bool:
    """Is it a string that stands alone, as docstrings do?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
