"""Which files and distributions a module needs: follows the imports of its source, imports nothing itself."""

import ast
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
        for name in _imports(path, path.stat().st_mtime_ns):
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


@cache
def _imports(path: Path, _changed: int) -> list[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0
        for alias in node.names
    ]


@cache
def _providers() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _distributions(tops: set[str]) -> tuple[str, ...]:
    """The distributions that provide these top-level names."""
    return tuple(sorted({provider for top in tops for provider in _providers().get(top, [])}))
