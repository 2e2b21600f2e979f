"""The shape of the house: which files lie in which room, and that no files import one another in a circle."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.syntax import nodes, parse

Function = ast.FunctionDef | ast.AsyncFunctionDef
ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("features", "simulation", "training", "planting", "serving", "console", "pipelines", "stillwatch")
ROOMS = (*SHIPPED, "docs_tools", "benchmarks")
SMALL_ROOM, MOST_LOOSE = 12, 8
SHELVES = {"features/catalogue", "features/families"}  # one file for each entry of a list, as their `__init__` says
LONGEST_FILE, LONGEST_BODY = 300, 50
MOST_PARAMETERS = 6
COMMANDS = (
    "pipelines/cli.py",
    "pipelines/commands/",
    "pipelines/console/commands.py",
)  # a command's parameters are its options
VAGUE = {"told", "found", "known", "kept", "place", "one"}  # words that fit any value, so say nothing of it
ONE_CONCEPT = {  # functions that several files define, because they are the same thing in each
    "main",  # what `python -m` runs
    "upgrade", "downgrade",  # the steps of the console's database
    "read_out", "compare_with_plan",  # the steps of a family of features
    "build", "ingest", "promote", "retrain", "rollback", "score", "simulate", "train",  # a command and its step
}  # fmt: skip


def sources(root: Path, *rooms: str) -> dict[str, str]:
    """Source by path from the root of every Python file of some rooms."""
    files = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(files: Mapping[str, str]) -> dict[str, set[str]]:
    """The modules among the files that each imports, wherever in the file, for type checking too."""
    modules = {module_of(path) for path in files}
    graph: dict[str, set[str]] = {}
    for path, source in files.items():
        names: set[str] = set()
        for node in nodes(source):
            if isinstance(node, ast.Import):
                names |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{name.name}" for name in node.names}
                names |= {name if name in modules else node.module for name in whole}
        graph[module_of(path)] = (names & modules) - {module_of(path)}
    return graph


def circle(files: Mapping[str, str]) -> list[str]:
    """The modules of one circle of imports; empty if there is none."""
    try:
        TopologicalSorter(imports(files)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def crowded(files: Mapping[str, str]) -> list[str]:
    """Folders of more files than a small room has, of which more lie loose in the folder itself than may."""
    folders = {Path(path).parent for path in files}
    rooms = {folder for each in folders for folder in (each, *each.parents) if folder.parts}
    named = [Path(path) for path in files if not path.endswith("/__init__.py")]
    sizes = {
        room: (sum(room in path.parents for path in named), sum(room == path.parent for path in named))
        for room in rooms
    }
    return sorted(
        f"{room}: {loose} of {all} files"
        for room, (all, loose) in sizes.items()
        if all > SMALL_ROOM and loose > MOST_LOOSE and room.as_posix() not in SHELVES
    )


def long_files(files: Mapping[str, str]) -> list[str]:
    lengths = {path: len(source.splitlines()) for path, source in files.items()}
    return [f"{path} has {lines} lines" for path, lines in lengths.items() if lines > LONGEST_FILE]


def functions(files: Mapping[str, str]) -> Iterator[tuple[str, Function]]:
    """Every function with `path:line name`."""
    for path, source in files.items():
        for node in nodes(source):
            if isinstance(node, Function):
                yield f"{path}:{node.lineno} {node.name}", node


def long_bodies(files: Mapping[str, str]) -> Iterator[str]:
    for name, node in functions(files):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
        if lines > LONGEST_BODY:
            yield f"{name} has a body of {lines} lines"


def asks_for_fixtures(name: str, node: Function) -> bool:
    """Pytest calls tests and fixtures, and fills their parameters by name: no caller can mistake their order."""
    is_fixture = any("pytest.fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    return name.startswith("tests/") and (node.name.startswith("test_") or is_fixture)


def wide_signatures(files: Mapping[str, str]) -> Iterator[str]:
    for name, node in functions(files):
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(parameter.arg not in {"self", "cls"} for parameter in parameters)
        if count > MOST_PARAMETERS and not name.startswith(COMMANDS) and not asks_for_fixtures(name, node):
            yield f"{name} takes {count} parameters"


def names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a source names: variables, parameters, attributes, functions, classes."""
    for node in nodes(source):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name


def vague_names(files: Mapping[str, str]) -> Iterator[str]:
    for path, source in files.items():
        yield from (f"{path}:{line} {name}" for line, name in names(source) if name.lower().strip("_") in VAGUE)


def homonyms(files: Mapping[str, str]) -> list[str]:
    """Public classes, and public functions outside of classes, of one name in two files."""
    homes: dict[str, list[str]] = {}
    for path, source in files.items():
        for node in parse(source).body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path)
    return [
        f"{name}: {', '.join(paths)}" for name, paths in homes.items() if len(paths) > 1 and name not in ONE_CONCEPT
    ]


def test_no_files_import_one_another_in_a_circle() -> None:
    assert circle(sources(ROOT, *ROOMS)) == []


def test_no_large_room_is_a_drawer_of_loose_files() -> None:
    assert crowded(sources(ROOT, *ROOMS)) == []


def test_no_file_and_no_body_is_too_long() -> None:
    files = sources(ROOT, *ROOMS, "tests")
    assert [*long_files(files), *long_bodies(files)] == []


def test_no_signature_is_too_wide() -> None:
    assert list(wide_signatures(sources(ROOT, *ROOMS, "tests"))) == []


def test_names_say_what_they_hold() -> None:
    assert list(vague_names(sources(ROOT, *ROOMS, "tests"))) == []


def test_no_two_classes_or_functions_have_one_name() -> None:
    assert homonyms(sources(ROOT, *ROOMS)) == []


def test_every_folder_with_code_is_a_room() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_every_room_says_what_it_is() -> None:
    silent = [path for path, source in sources(ROOT, *ROOMS).items() if not ast.get_docstring(parse(source))]
    assert silent == []


@pytest.mark.parametrize(
    "files",
    [
        {"features/a.py": "from features.b import f", "features/b.py": "import features.a"},
        {"features/a.py": "from features import b", "features/b.py": "def f():\n    from features.a import g"},
        {"features/a.py": "from features.b import F",
         "features/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from features.a import G"},
        {"features/__init__.py": "from features.a import f", "features/a.py": "import features"},
    ],
)  # fmt: skip
def test_a_planted_circle_is_found(files: dict[str, str]) -> None:
    assert len(circle(files)) > 2


def test_a_planted_drawer_is_found() -> None:
    drawer = {f"training/{name}.py": "" for name in "abcdefghi"}
    assert crowded(drawer) == []
    assert crowded(drawer | {f"training/sub/{name}.py": "" for name in "abcd"}) == ["training: 9 of 13 files"]


def test_a_planted_long_file_is_found() -> None:
    assert len(long_files({"features/x.py": "a = 1\n" * (LONGEST_FILE + 1)})) == 1


@pytest.mark.parametrize("word", ["def", "async def"])
def test_a_planted_long_body_is_found_and_a_long_docstring_is_none(word: str) -> None:
    long = f"{word} f():\n" + "    a = 1\n" * (LONGEST_BODY + 1)
    documented = f'{word} f():\n    """' + "\n" * LONGEST_BODY + '"""\n    return 1'
    assert len(list(long_bodies({"features/x.py": long}))) == 1
    assert list(long_bodies({"features/x.py": documented})) == []


def test_a_planted_wide_signature_is_found_but_for_commands_tests_and_fixtures() -> None:
    wide = "class A:\n    def f(self, a, b, c, d, e, *, f, g): ..."
    assert len(list(wide_signatures({"features/x.py": wide}))) == 1
    assert list(wide_signatures({"pipelines/cli.py": wide})) == []
    assert list(wide_signatures({"features/x.py": wide.replace(", g", "")})) == []
    tests = (
        "def test_f(a, b, c, d, e, f, g): ...\n\n@pytest.fixture(scope='module')\ndef world(a, b, c, d, e, f, g): ..."
    )
    assert list(wide_signatures({"tests/test_x.py": tests})) == []
    assert len(list(wide_signatures({"features/x.py": tests}))) == 2
    assert len(list(wide_signatures({"tests/test_x.py": tests.replace("test_f", "f")}))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "def f(told): ...",
        "[one for one in x]",
        "def _known(): ...",
        "class A:\n    kept: int",
        "self.place = 1",
    ],
)
def test_a_planted_vague_name_is_found(source: str) -> None:
    assert len(list(vague_names({"features/x.py": source}))) == 1


@pytest.mark.parametrize("line", ["class World: ...", "def measure(): ...", "async def measure(): ..."])
def test_planted_homonyms_are_found(line: str) -> None:
    assert len(homonyms({"features/x.py": line, "simulation/y.py": f"{line}\nclass _X: ..."})) == 1


@pytest.mark.parametrize(
    "source", ["def main(): ...", "def _hidden(): ...", "class _X: ...", "def f():\n    def inner(): ..."]
)
def test_names_of_one_concept_and_private_names_are_no_homonyms(source: str) -> None:
    other = source.replace("def f()", "def g()")
    assert homonyms({"features/x.py": source, "simulation/y.py": other}) == []


def test_every_name_of_one_concept_is_still_used_twice() -> None:
    top_level = [node for source in sources(ROOT, *ROOMS).values() for node in parse(source).body]
    defined = [node.name for node in top_level if isinstance(node, Function)]
    assert [name for name in sorted(ONE_CONCEPT) if defined.count(name) < 2] == []
