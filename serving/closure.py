"""Which files and distributions a module needs: follows the imports of its source, imports nothing itself."""

import ast
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path

OWN = ("features", "training", "serving")
"""Packages of this project that may go into a Bento."""

STORE = "features/store"
"""Read by Feast from its path, not imported by name: all of it goes along."""


@dataclass(frozen=True, slots=True)
class Closure:
    """Files of this project, and names of the distributions of all other imports; both sorted."""

    files: tuple[Path, ...]
    distributions: tuple[str, ...]


def closure(root: Path, module: str) -> Closure:
    """Everything that `module` (dotted, below `root`) imports, also inside functions, step by step."""
    store = [path for path in (root / STORE).rglob("*") if path.suffix in (".py", ".yaml")]
    waiting = [*_files(root, module), *store]
    found: set[Path] = set()
    foreign: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imports(path):
            if name.split(".")[0] in OWN:
                waiting += _files(root, name)
            else:
                foreign.add(name.split(".")[0])
    return Closure(tuple(sorted(found)), _distributions(foreign - set(sys.stdlib_module_names)))


def _files(root: Path, name: str) -> list[Path]:
    """The file of a dotted name (whose last part may be no module) and its packages' `__init__`."""
    parts = name.split(".")
    folders = [root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
    candidates = [*(folder / "__init__.py" for folder in folders), *(f.with_suffix(".py") for f in folders)]
    return [path for path in candidates if path.is_file()]


def _imports(path: Path) -> list[str]:
    if path.suffix != ".py":
        return []
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0
        for alias in node.names
    ]


@lru_cache(maxsize=1)
def _providers() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _distributions(tops: set[str]) -> tuple[str, ...]:
    """The distributions that provide these top-level names."""
    return tuple(sorted({provider for top in tops for provider in _providers().get(top, [])}))
