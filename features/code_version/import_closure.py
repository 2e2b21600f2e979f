"""Which files and distributions a module needs: follows the imports of its source, imports nothing itself."""

import ast
import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

CODE, DATA = ".py", frozenset({".yaml", ".parquet", ".html"})


@dataclass(frozen=True, slots=True)
class ImportClosure:
    """Files of this project, and names of the distributions of all other imports; both sorted."""

    files: tuple[Path, ...]
    distributions: tuple[str, ...]


def import_closure(root: Path, module: str) -> ImportClosure:
    """Everything that a module needs, step by step.

    Args:
        root: the folder with this project's packages.
        module: dotted name below it.

    Returns:
        All modules that it imports, also inside functions, with the data files that lie beside them.
    """
    waiting = _files(root, module)
    files: set[Path] = set()
    foreign: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for name in read_source(path, path.stat().st_mtime_ns).imports:
            if own := _files(root, name):
                waiting += own
            else:
                foreign.add(name.partition(".")[0])
    data = {path for folder in {file.parent for file in files} for path in folder.iterdir() if path.suffix in DATA}
    return ImportClosure(tuple(sorted(files | data)), _distributions(foreign - set(sys.stdlib_module_names)))


def _files(root: Path, name: str) -> list[Path]:
    """The file of a dotted name (whose last part may be no module) and its packages' `__init__`."""
    parts = name.split(".")
    folders = [root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [*(folder / "__init__.py" for folder in folders), *(f.with_suffix(CODE) for f in folders)]
    return [path for path in candidates if path.is_file()]


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module's imports, and the digest of what in its source can change a result: no comment, docstring or layout."""

    imports: tuple[str, ...]
    digest: bytes


@cache
def read_source(path: Path, _changed: int) -> ModuleSource:
    """A module as it was changed last. Read once for both, as it is the parsing that takes the time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            imports += [f"{node.module}.{alias.name}" for alias in node.names]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [statement for statement in body if not _is_text(statement)]  # type: ignore[attr-defined]
    return ModuleSource(tuple(imports), hashlib.sha256(ast.dump(tree).encode()).digest())


def _is_text(node: ast.AST) -> bool:
    """Is it a string that stands alone, as docstrings do?"""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _providers() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _distributions(tops: set[str]) -> tuple[str, ...]:
    """The distributions that provide these top-level names."""
    return tuple(sorted({provider for top in tops for provider in _providers().get(top, [])}))
