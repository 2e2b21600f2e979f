"""Source files as syntax trees, each parsed and walked once for all fences."""

import ast
from functools import cache


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """All that a file consists of, the file itself first."""
    return tuple(ast.walk(ast.parse(source)))


def parse(source: str) -> ast.Module:
    """The file itself."""
    module = nodes(source)[0]
    assert isinstance(module, ast.Module)
    return module
