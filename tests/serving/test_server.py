"""Starting and stopping: what may be served is checked before a port is opened."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError, StillwatchError
from serving.package import CODE_ROOT, bentoml_call
from serving.server import HOST, Options, command, running

SERVE = """
import sys
from pathlib import Path
from features.errors import StillwatchError
from serving.server import Options, serve
try:
    serve(Path(sys.argv[1]), int(sys.argv[2]), Options(Path(sys.argv[3])))
except StillwatchError as error:
    sys.exit(str(error))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def is_ready(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.fixture
def copied(bento: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bento, tmp_path / "bentos" / "copied")


def test_serve_answers_until_sigterm_and_then_ends_with_0(copied: Path, store: Path, tmp_path: Path) -> None:
    port = free_port()
    call = [sys.executable, "-c", SERVE, str(copied), str(port), str(store)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(call, cwd=CODE_ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + 90
        while not is_ready(port) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert is_ready(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not listens(port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_changed_byte_ends_serve_with_one_sentence_and_nothing_listens(copied: Path, store: Path) -> None:
    change_a_byte(copied / "src" / "model" / "booster.txt")
    port = free_port()
    call = [sys.executable, "-c", SERVE, str(copied), str(port), str(store)]
    done = subprocess.run(call, cwd=CODE_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "booster.txt is missing or was changed after packaging" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not listens(port)


@pytest.mark.parametrize("wrong", ["model", "store"])
def test_bentoml_itself_refuses_too_with_a_sentence_and_nothing_listens(
    copied: Path, tmp_path: Path, wrong: str
) -> None:
    if wrong == "model":
        change_a_byte(copied / "src" / "model" / "booster.txt")
    port = free_port()
    call = [*bentoml_call(tmp_path / "home"), "serve", str(copied), "--host", HOST, "--port", str(port)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert ("booster.txt was changed" if wrong == "model" else "does not know its feature store") in last
    assert "Traceback" not in done.stderr
    assert not listens(port)


def test_a_store_that_cannot_be_read_is_told_before_anything_listens(copied: Path, tmp_path: Path) -> None:
    port = free_port()
    with (
        pytest.raises(StillwatchError, match=r"ended before it was ready: .*can't be read"),
        running(copied, Options(tmp_path / "empty"), port=port, log=tmp_path / "log"),
    ):
        pass
    assert not listens(port)


def test_a_port_in_use_is_refused(bento: Path, store: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(InputError, match="can't be used"):
            command(bento, taken.getsockname()[1], Options(store))


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_refused(bento: Path, store: Path, port: int) -> None:
    with pytest.raises(InputError, match=f"port {port} of .* can't be used"):
        command(bento, port, Options(store))


def test_a_changed_bento_has_no_command(copied: Path, store: Path) -> None:
    change_a_byte(copied / "src" / "serving" / "service.py")
    with pytest.raises(IntegrityError, match=r"service\.py is missing or was changed"):
        command(copied, free_port(), Options(store))
