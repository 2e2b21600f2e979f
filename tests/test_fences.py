"""The fences of the design, as a table: each takes a path and its source, and says what is on the wrong side."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.syntax import nodes

ROOT = Path(__file__).resolve().parent.parent
# Each room may import itself and the rooms named; nothing that ships imports what only measures, documents or tests.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "features": (),
    "simulation": ("features",),
    "training": ("features", "simulation"),
    "planting": ("features", "simulation", "training"),
    "serving": ("features", "simulation", "training"),
    "console": ("features", "simulation", "training"),
    "stillwatch": (),
    "pipelines": ("features", "simulation", "training", "planting", "serving", "console", "stillwatch"),
    "docs_tools": ("features", "simulation", "training", "planting", "serving", "console", "pipelines"),
    "benchmarks": ("features", "simulation", "training", "planting", "serving", "console", "pipelines", "docs_tools"),
}
SHIPPED = ("features", "simulation", "training", "planting", "serving", "console", "pipelines", "stillwatch")
PURE = ("features", "simulation", "training", "planting")
PLACES = (*MAY_IMPORT, "tests")
ROOMS = {
    "deltalake": ("features/lake.py", "features/tables/", "features/intake/delta_tables.py"),
    "feast": ("features/store/",),
    "mlflow": ("training/tracking/",),
    "jinja2": ("training/reports/", "console/web/rendering.py", "docs_tools/overview.py"),
    "sqlalchemy": ("console/",),
    "alembic": ("console/database/",),
    "lightgbm": ("training/lean_lightgbm.py",),
    "bentoml": ("serving/service.py", "serving/package.py"),
    **dict.fromkeys(("confluent_kafka", "faststream", "nats"), ("pipelines/follow/broker/",)),
    "obstore": ("pipelines/remote/object_store.py",),
    "stix2": ("training/reports/campaign/stix_bundle.py",),
    **dict.fromkeys(("multiprocessing", "ray"), ("pipelines/execute/",)),  # they pickle what goes between processes
}
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
ENVIRONMENT_READER = "pipelines/settings.py"
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}
# Test files about more than one file of the tree.
ABOUT_ALL = "test_fences test_structure test_extras test_independence test_parity test_setup test_canary test_deploy"
ABOUT_MORE = "pipelines/test_crash docs_tools/test_pages training/tracking/test_browser"
PROJECT_WIDE = {f"tests/{name}.py" for name in f"{ABOUT_ALL} {ABOUT_MORE}".split()}
# Put together here, so that this file does not climb over its own fence.
MACHINE_PATH = re.compile("(?<![\\w.])/(?:" + "|".join(("work", "root", "home", "tmp")) + ")(?:/|\\b)")
LEFT_OPEN = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X\\b", "NotImplemented" + "Error")))

Fence = Callable[[str, str], Iterator[str]]


def package_of(path: str) -> str:
    return path.partition("/")[0]


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that is imported, wherever in the file and however."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names if not node.level)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__", "importorskip"}:
            yield from ((node.lineno, str(each.value)) for each in node.args[:1] if isinstance(each, ast.Constant))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def import_direction(path: str, source: str) -> Iterator[str]:
    if package_of(path) not in MAY_IMPORT:
        return
    allowed = (package_of(path), *MAY_IMPORT[package_of(path)])
    for line, name in imported(source):
        top = name.partition(".")[0]
        if top in PLACES and top not in allowed:
            yield f"{path}:{line} imports {name}: {package_of(path)} may import {', '.join(allowed)}"
        if not top:
            yield f"{path}:{line} imports relatively: name the package"


def library_rooms(path: str, source: str) -> Iterator[str]:
    if package_of(path) not in SHIPPED:
        return
    for line, name in imported(source):
        rooms = ROOMS.get(name.partition(".")[0])
        if rooms and not path.startswith(rooms):
            yield f"{path}:{line} imports {name}, which belongs to {' and '.join(rooms)}"


def no_pickle(path: str, source: str) -> Iterator[str]:
    for line, name in imported(source):
        if PICKLES & set(name.split(".")):
            yield f"{path}:{line} imports {name}"


def environment(path: str, source: str) -> Iterator[str]:
    """Only the settings read the environment; where a library lives, its own defaults may be set."""
    if package_of(path) not in SHIPPED or path == ENVIRONMENT_READER:
        return
    has_room = any(path.startswith(rooms) for rooms in ROOMS.values())
    called = (node.func for node in nodes(source) if isinstance(node, ast.Call))
    defaults = {id(name.value) for name in called if isinstance(name, ast.Attribute) and name.attr == "setdefault"}
    for node in nodes(source):
        named = isinstance(node, ast.ImportFrom) and node.module == "os" and ENVIRONMENT & {n.name for n in node.names}
        read = isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and not (has_room and id(node) in defaults)
        if named or read:
            yield f"{path}:{node.lineno} reads the environment, which {ENVIRONMENT_READER} does"


def no_clock(path: str, source: str) -> Iterator[str]:
    """In features, simulation, training and planting time and randomness are arguments."""
    if package_of(path) not in PURE:
        return
    for node in nodes(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if node.func.attr in CLOCKS and owner in {"datetime", "datetime.datetime", "date", "datetime.date", "time"}:
                yield f"{path}:{node.lineno} asks the clock: take the time as an argument"
            if node.func.attr == "seed" and owner in {"random", "np.random", "numpy.random"}:
                yield f"{path}:{node.lineno} sets a global seed: take a seed as an argument"


def raises_match(path: str, source: str) -> Iterator[str]:
    for node in nodes(source):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "raises"}:
            said = [word.value for word in node.keywords if word.arg == "match"]
            if not said or (isinstance(said[0], ast.Constant) and not said[0].value):
                yield f"{path}:{node.lineno} pytest.raises without match="


def no_test_packages(path: str, source: str) -> Iterator[str]:
    if package_of(path) == "tests" and PurePosixPath(path).name == "__init__.py":
        yield f"{path} would hide a real package"


def mirror(path: str, source: str) -> Iterator[str]:
    """tests/x/test_y.py is about x/y.py or the package x/y; tests/x/y/test_y.py may be about the package too."""
    test_file = PurePosixPath(path)
    if package_of(path) != "tests" or path in PROJECT_WIDE or not test_file.name.startswith("test_"):
        return
    about = test_file.relative_to("tests").with_name(test_file.name.removeprefix("test_"))
    packages = [about.with_suffix(""), *([about.parent] if about.parent.name == about.stem else [])]
    if not any((ROOT / path).exists() for path in (about, *(package / "__init__.py" for package in packages))):
        yield f"{path} has no {about}: move it, or list it as project-wide"


def no_machine_paths(path: str, source: str) -> Iterator[str]:
    yield from _lines(path, source, MACHINE_PATH, "names a place of one machine")


def nothing_left_open(path: str, source: str) -> Iterator[str]:
    yield from _lines(path, source, LEFT_OPEN, "leaves work open")


def _lines(path: str, source: str, pattern: re.Pattern[str], what: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield f"{path}:{number} {what}: {match[0]}"


CODE_FENCES: tuple[Fence, ...] = (
    import_direction,
    library_rooms,
    no_pickle,
    environment,
    no_clock,
    raises_match,
    no_test_packages,
    mirror,
)
TEXT_FENCES: tuple[Fence, ...] = (no_machine_paths, nothing_left_open)


def code() -> list[Path]:
    return [path for folder in PLACES for path in sorted((ROOT / folder).rglob("*.py"))]


def texts() -> list[Path]:
    """Everything a person wrote: code, settings and pages (the locks are a resolver's)."""
    names = "Makefile pyproject.toml .ci/each-python .ci/pythons .ci/run .ci/servers .gitignore".split()
    named = [ROOT / name for name in names]
    pages = [path for folder in (*PLACES, ".github") for path in sorted((ROOT / folder).rglob("*.y*ml"))]
    return [*code(), *(path for path in named if path.exists()), *sorted(ROOT.glob("*.md")), *pages]


def violations(fence: Fence, paths: list[Path]) -> list[str]:
    named = [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return [violation for path, source in named for violation in fence(path, source)]


@pytest.mark.parametrize("fence", CODE_FENCES, ids=lambda fence: fence.__name__)
def test_the_code_stays_inside_its_fence(fence: Fence) -> None:
    assert violations(fence, code()) == []


@pytest.mark.parametrize("fence", TEXT_FENCES, ids=lambda fence: fence.__name__)
def test_nothing_written_names_a_machine_or_leaves_work_open(fence: Fence) -> None:
    assert violations(fence, texts()) == []


def test_every_package_is_walked() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in code()} >= {*MAY_IMPORT, "tests"}


PLANTED: tuple[tuple[Fence, str, str], ...] = (
    (import_direction, "features/x.py", "from training.models.model import load"),
    (import_direction, "features/x.py", "def f():\n    import pipelines.workspace as w"),
    (import_direction, "training/x.py", "import serving"),
    (import_direction, "serving/x.py", "from pipelines import score"),
    (import_direction, "serving/x.py", "from planting import plant"),
    (import_direction, "planting/x.py", "from serving.answer.scorer import score"),
    (import_direction, "console/x.py", "from serving.access.audit import AuditLog"),
    (import_direction, "console/x.py", "from pipelines.workspace import Workspace"),
    (import_direction, "serving/x.py", "from console.ports import AuditTrail"),
    (import_direction, "stillwatch/x.py", "from serving.answer.messages import AccountScore"),
    (import_direction, "planting/x.py", "from pipelines.workspace import Workspace"),
    (import_direction, "simulation/x.py", "from training.examples import dataset"),
    (import_direction, "training/x.py", "from planting import plant"),
    (import_direction, "features/x.py", "from simulation import simulate"),
    (import_direction, "docs_tools/x.py", "from benchmarks.measure import ROOT"),
    (import_direction, "pipelines/x.py", "from docs_tools.documents import table"),
    (import_direction, "pipelines/x.py", "import benchmarks.measure"),
    (import_direction, "benchmarks/x.py", "from tests.conftest import key"),
    (import_direction, "pipelines/x.py", "from tests.conftest import key"),
    (import_direction, "pipelines/x.py", "from . import score"),
    (import_direction, "training/x.py", "from importlib import import_module\nimport_module('pipelines.score')"),
    (library_rooms, "features/x.py", "import deltalake"),
    (library_rooms, "features/x.py", "from feast.repo_config import RepoConfig"),
    (library_rooms, "pipelines/x.py", "def f():\n    import mlflow.lightgbm"),
    (library_rooms, "training/fitting/train.py", "import lightgbm as lgb"),
    (library_rooms, "pipelines/x.py", "from jinja2 import Template"),
    (library_rooms, "serving/server.py", "import bentoml"),
    (library_rooms, "pipelines/console/serving.py", "from sqlalchemy import select"),
    (library_rooms, "console/work/cases.py", "from alembic import op"),
    (library_rooms, "pipelines/follow/web.py", "from faststream.nats import NatsBroker"),
    (library_rooms, "pipelines/shards/x.py", "import ray"),
    (library_rooms, "features/x.py", "from multiprocessing.connection import Client"),
    (library_rooms, "pipelines/remote/mirror.py", "import obstore"),
    (no_pickle, "training/models/model.py", "import pickle"),
    (no_pickle, "tests/x.py", "from joblib import dump"),
    (no_pickle, "benchmarks/x.py", "import cloudpickle as cp"),
    (no_pickle, "training/x.py", "from sklearn.externals import joblib"),
    (environment, "features/x.py", "import os\nos.environ['A']"),
    (environment, "serving/x.py", "import os\nos.getenv('A')"),
    (environment, "pipelines/x.py", "from os import environ"),
    (environment, "pipelines/score.py", "import os\nos.environ.setdefault('A', '1')"),
    (environment, "training/tracking/client.py", "import os\nos.environ.get('A')"),
    (no_clock, "features/x.py", "from datetime import datetime\ndatetime.now()"),
    (no_clock, "training/x.py", "import numpy as np\nnp.random.seed(0)"),
    (raises_match, "tests/features/test_x.py", "with pytest.raises(ValueError):\n    f()"),
    (raises_match, "tests/features/test_x.py", "with pytest.raises(ValueError, match=''):\n    f()"),
    (no_test_packages, "tests/features/__init__.py", ""),
    (mirror, "tests/features/test_no_such_file.py", ""),
    (mirror, "tests/pipelines/simulate/test_pipelines.py", ""),
    (no_machine_paths, "features/x.py", "A = '" + "/wo" + "rk/main'"),
    (no_machine_paths, "README.md", "see " + "/ro" + "ot/notes"),
    (no_machine_paths, "features/x.py", "A = Path('" + "/tm" + "p/x')"),
    (nothing_left_open, "features/x.py", "# TO" + "DO: later"),
    (nothing_left_open, "features/x.py", "raise NotImplemented" + "Error"),
)


@pytest.mark.parametrize(("fence", "path", "source"), PLANTED)
def test_a_planted_violation_is_caught(fence: Fence, path: str, source: str) -> None:
    assert len(list(fence(path, source))) >= 1


WELCOME: tuple[tuple[Fence, str, str], ...] = (
    (import_direction, "serving/x.py", "import training\nfrom features.errors import InputError"),
    (library_rooms, "features/store/definitions.py", "from feast import Entity"),
    (library_rooms, "serving/server.py", "call = ['-m', 'bentoml']"),
    (environment, "training/tracking/client.py", "import os\nos.environ.setdefault('A', '1')"),
    (environment, "pipelines/settings.py", "import os\nos.environ['A']"),
    (no_pickle, "tests/x.py", "names = ['pickle']"),
    (raises_match, "tests/features/test_x.py", "with pytest.raises(ValueError, match='two'):\n    f()"),
    (mirror, "tests/features/test_lake.py", ""),
    (mirror, "tests/simulation/test_simulation.py", ""),
    (no_machine_paths, "features/x.py", "route = '/score'; folder = 'network/tmpfile'"),
)


@pytest.mark.parametrize(("fence", "path", "source"), WELCOME)
def test_what_the_design_allows_is_let_through(fence: Fence, path: str, source: str) -> None:
    assert list(fence(path, source)) == []


def test_every_fence_has_a_planted_violation() -> None:
    assert {fence for fence, _, _ in PLANTED} == {*CODE_FENCES, *TEXT_FENCES}
