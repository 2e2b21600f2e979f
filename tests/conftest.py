"""Commands for tests, and one workspace that the real commands filled from a small world with canaries in it."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from pipelines.cli import main
from pipelines.settings import settings
from tests.second_versions import PLANTED, blind_workspace, late_version, retrain_copy, two_versions, worse_labels
from tests.world_with_canaries import NEEDLES, make_world

# fixtures of their own file
__all__ = ["blind_workspace", "late_version", "retrain_copy", "two_versions", "worse_labels"]

ROOT = Path(__file__).resolve().parent.parent
MAKER = ROOT / "tests" / "pipelines" / "test_retrain.py"  # asks for every shared workspace
KEY = "5a" * 32
SHARED = "filled"  # the folder with the shared workspace
AS_OF = datetime(2026, 4, 17, 13, 37, 21, 250_000, tzinfo=UTC)  # the world goes on until 20 April
Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]
Once = Callable[[str, Callable[[Path], None]], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The folder of public prompts and rhythms, which the repository does not hold, and how much to test."""
    parser.addoption("--pools", type=Path, metavar="DIR", help="folder of public prompts and rhythms")
    parser.addoption("--full", action="store_true", help="the slow tests too, and the others at their full size")


def pytest_configure(config: pytest.Config) -> None:
    """Let properties be tried on a third of the cases unless all are asked for."""
    hypothesis.settings.register_profile("cases", deadline=None, max_examples=100 if config.getoption("--full") else 30)
    hypothesis.settings.load_profile("cases")


def cases(number: int) -> int:
    """How many cases a property is tried on: `number` of them with --full, else a third."""
    return number * hypothesis.settings().max_examples // 100


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests out unless all are asked for, and let the file that makes the shared workspaces come first.

    One process of a parallel run makes them all while the others test what needs none; else they would wait for it. So
    the files that need one come last.
    """
    needing = {item.path for item in items if "filled_folder" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path != MAKER, item.path in needing))
    if not config.getoption("--full"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """No second thread for products of small matrices: the two would wait for each other most of the time."""
    import scipy.linalg  # noqa: F401  (a library is limited if it is there)

    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="session")
def pools(pytestconfig: pytest.Config) -> Path:
    """The folder of public prompts and rhythms; without it the test is skipped."""
    folder: Path | None = pytestconfig.getoption("--pools")
    if folder is None:
        pytest.skip("needs public prompts and rhythms: --pools=DIR (docs/results/README.md)")
    if not folder.is_dir():
        raise pytest.UsageError(f"--pools: {folder} is no folder")
    return folder.resolve()


def environment(home: Path, key: str | None = KEY) -> dict[str, str]:
    """What a command sees: a home and a place for drafts of its own, and no setting of this machine."""
    home.mkdir(parents=True, exist_ok=True)
    others = {name: value for name, value in os.environ.items() if not name.startswith(("STILLWATCH_", "MLFLOW_"))}
    own = {"HOME": str(home), "TMPDIR": str(home), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    own["MPLCONFIGDIR"] = str(Path.home() / ".cache" / "matplotlib")  # whose list of fonts takes seconds to make
    return others | own | ({"STILLWATCH_KEY": key} if key else {})


@pytest.fixture(scope="session")
def key() -> str:
    """The key of the shared workspace."""
    return KEY


@pytest.fixture(scope="module")
def key_is_set(key: str) -> Iterator[None]:
    """The settings of this process have the key of the shared workspace, while one file is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def command() -> list[str]:
    """The program, as it is installed."""
    return [str(Path(sys.executable).with_name("stillwatch"))]


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of a test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def stillwatch(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, shared_root: Path
) -> Iterator[Run]:
    """Runs the command line in this process: `stillwatch("score", "--out", path, STILLWATCH_KEY=...)`.

    Commands on the shared workspace wait for each other: a command refuses a workspace that another one writes to.
    """
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STILLWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")

    def run(*arguments: object, **variables: str) -> Result:
        call = ["stillwatch", *map(str, arguments)]
        status: int | str | None = 0
        with monkeypatch.context() as patch, ExitStack() as stack:
            if any(part.startswith(str(shared_root / SHARED)) for part in call):
                lock = stack.enter_context((shared_root / f"{SHARED}.lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            for name, value in ({"STILLWATCH_KEY": KEY} | variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", call)
            settings.cache_clear()
            capfd.readouterr()
            try:
                main()
            except SystemExit as ended:
                status = ended.code
        result = capfd.readouterr()
        return Result(call, int(status or 0), result.out, result.err)

    yield run
    settings.cache_clear()


@pytest.fixture(scope="session")
def canaries() -> tuple[str, ...]:
    """What must not be found anywhere, in lower case."""
    return NEEDLES


@pytest.fixture(scope="session")
def as_of() -> datetime:
    """The time asked about; the shared workspace holds later requests, some of them in the same hour."""
    return AS_OF


@pytest.fixture(scope="session")
def once(shared_root: Path) -> Once:
    """Makes a folder for all processes of a test run: the first that asks for a name has it made, others wait."""

    def make_once(name: str, make: Callable[[Path], None]) -> Path:
        folder, done = shared_root / name, shared_root / f"{name}.done"
        with (shared_root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def made_world(once: Once) -> Path:
    """A folder of input tables: about 1,000 accounts; canaries in good and in broken rows; many labels."""
    return once("inputs", lambda folder: make_world(folder, AS_OF)) / "world"


@pytest.fixture(scope="session")
def filled_folder(made_world: Path, command: list[str], once: Once) -> Path:
    """A folder with the shared `workspace`, the `home` of the commands that filled it, and what these `said`."""

    def fill(folder: Path) -> None:
        """`ingest`, `retrain` and `score` as of `as_of`, each in a process of its own, into `scores.parquet`."""
        root, home = folder / "workspace", folder / "home"
        tables = [
            part
            for name in ("accounts", "enforcement", "releases")
            for part in (f"--{name}", made_world / f"{name}.parquet")
        ]
        calls = (
            ["ingest", "--requests", made_world / "requests", *tables],
            [
                "retrain",
                "--labels",
                made_world / "labels.parquet",
                "--as-of",
                AS_OF.isoformat(),
                "--plant-share",
                PLANTED,
            ],
            ["score", "--as-of", AS_OF.isoformat(), "--out", root / "scores.parquet"],
        )
        for call in calls:
            call_line = [*command, *map(str, call), "--workspace", str(root)]
            done = subprocess.run(call_line, capture_output=True, text=True, env=environment(home), cwd=folder)
            assert done.returncode == 0, f"{call[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
            with (folder / "said").open("a") as said:
                said.write(done.stdout + done.stderr)

    return once(SHARED, fill)


@pytest.fixture(scope="session")
def filled_workspace(filled_folder: Path) -> Path:
    """The workspace that all processes of a test run share; a test that changes it changes a copy."""
    return filled_folder / "workspace"


@pytest.fixture(scope="session")
def move_copy() -> Callable[[Path, Path], Path]:
    """Copies a workspace; the copy's MLflow knows that it moved, so that the original stays as it is."""

    def copy(workspace: Path, target: Path) -> Path:
        from training.tracking.relocation import relocate  # late: slow to import, and most files need no model

        shutil.copytree(workspace, target)
        relocate(target / "mlruns" / "mlflow.db", target / "mlruns" / "artifacts")
        return target

    return copy


@pytest.fixture(scope="session")
def scores(filled_workspace: Path) -> pl.DataFrame:
    """The scores of the shared workspace."""
    return pl.read_parquet(filled_workspace / "scores.parquet")


@pytest.fixture(scope="session")
def endpoint(filled_workspace: Path) -> Iterator[str]:
    """The address of the shared workspace's Bento, served; its log is kept in the workspace."""
    from serving.package import last_packaged
    from serving.server import Options, running_server

    options = Options(store=filled_workspace / "features", log_format="json", log_level="info")
    with running_server(
        last_packaged(filled_workspace / "bento"), options, log=filled_workspace / f"serve-{os.getpid()}.log"
    ) as url:
        yield url


@pytest.fixture(scope="session")
def ask(endpoint: str) -> Callable[[list[str]], dict[str, Any]]:
    """Asks the endpoint for the scores of some accounts."""

    def post(account_ids: list[str]) -> dict[str, Any]:
        body = json.dumps({"account_ids": account_ids}).encode()
        request = urllib.request.Request(f"{endpoint}/score", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    return post
