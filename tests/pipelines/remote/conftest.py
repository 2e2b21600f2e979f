"""A server with the protocol of S3, as a process of its own, and buckets of it."""

import http.client
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.ingest import Inputs, ingest
from pipelines.remote import opening
from pipelines.remote.object_store import ObjectStore
from pipelines.remote.shared_files import is_shared
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.process import free_port
from tests.conftest import ROOT
from tests.pipelines.test_ingest import account, request, table

Run = Callable[..., subprocess.CompletedProcess[str]]
PATIENCE = 60.0
SECRET = "s3cret-of-the-store"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a moto server on loopback; without it the test is skipped."""
    own = ROOT / ".servers"
    program = shutil.which("moto_server", path=f"{own / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs moto_server: .ci/servers installs it")
    variables = os.environ | {"PYTHONPATH": str(own)}
    port = free_port("127.0.0.1")
    log = (tmp_path_factory.mktemp("s3") / "log").open("wb")
    call = [program, "-H", "127.0.0.1", "-p", str(port)]
    with log, subprocess.Popen(call, env=variables, stdout=log, stderr=log) as process:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert process.poll() is None, Path(log.name).read_text()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(endpoint: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One plain call of the server."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=PATIENCE)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets variables of this process, which begins without what it remembers of settings and stores."""

    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        opening._mirrors.clear()

    yield put
    monkeypatch.undo()
    settings.cache_clear()
    opening._mirrors.clear()


@pytest.fixture
def address(s3_endpoint: str, key: str, set_variables: Callable[..., None], tmp_path: Path) -> str:
    """The address of a workspace in a bucket of its own, which this process can open."""
    bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
    assert ask(s3_endpoint, "PUT", f"/{bucket}")[0] == 200
    set_variables(
        AWS_ENDPOINT_URL=s3_endpoint,
        AWS_ACCESS_KEY_ID="reader-and-writer",
        AWS_SECRET_ACCESS_KEY=SECRET,
        STILLWATCH_CACHE=str(tmp_path / "cache"),
        STILLWATCH_KEY=key,
    )
    return f"s3://{bucket}/some/prefix"


@pytest.fixture
def store(address: str) -> ObjectStore:
    """The objects of that workspace."""
    return ObjectStore(address, settings().store_access())


@pytest.fixture
def run_on(stillwatch: Run, address: str, tmp_path: Path) -> Run:
    """Runs a command on a machine, `run_on("first", "ingest", ...)`: each has copies of its own."""

    def run(machine: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        opening._mirrors.clear()
        return stillwatch(*arguments, **({"STILLWATCH_CACHE": str(tmp_path / "caches" / machine)} | variables))

    return run


@pytest.fixture
def copies(tmp_path: Path) -> Callable[[str], Path]:
    """Finds the folder of a machine's copies."""

    def find(machine: str) -> Path:
        (folder,) = (tmp_path / "caches" / machine).iterdir()
        return folder

    return find


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of requests, a day each, and a table of accounts; text and addresses in them are canaries."""
    folder = tmp_path_factory.mktemp("small") / "world"
    (folder / "requests").mkdir(parents=True)
    for day in range(2):
        numbers = range(60 * day, 60 * day + 80)
        rows = [request(i, timestamp=_begin(day, i), prompt=f"canary-prompt {i}") for i in numbers]
        table("requests", rows).write_parquet(folder / "requests" / f"{day}.parquet")
    table("accounts", [account(i) for i in range(7)]).write_parquet(folder / "accounts.parquet")
    return folder


@pytest.fixture(scope="session")
def small_workspace(small_world: Path, key: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the small world was ingested, day after day."""
    root = tmp_path_factory.mktemp("small") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()
        for day in sorted((small_world / "requests").iterdir()):
            inputs = Inputs(day, small_world / "accounts.parquet")
            ingest(Workspace(root), inputs, reject_limit=0.01, progress=lambda _step, _done: None)
    settings.cache_clear()
    return root


def _begin(day: int, i: int) -> datetime:
    return datetime(2026, 4, 6 + day, tzinfo=UTC) + timedelta(minutes=11 * (i % 80))


def files_of(folder: Path) -> dict[str, bytes]:
    """The data files of a workspace's lake."""
    paths = sorted((folder / "lake").rglob("*.parquet"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.parent.name != "_delta_log"}


def copy_to(store: ObjectStore, folder: Path) -> None:
    """Upload what a workspace in a folder has to share."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and is_shared(name):
            store.write(name, path)


def objects_of(store: ObjectStore, target: Path) -> Path:
    """Download all objects, as a copy of the bucket has them."""
    for path in store.list():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        store.download(path, target / path)
    return target


def ingest_call(world: Path, address: Any) -> list[str]:
    """The arguments of an ingest of the small world."""
    files = ["--requests", str(world / "requests"), "--accounts", str(world / "accounts.parquet")]
    return ["ingest", *files, "--workspace", str(address)]
