"""Starting and stopping: what may be served is checked before a port is opened."""

import http.client
import json
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
from serving.process import free_port
from serving.server import HOST, Options, running_server, server_command

SERVE = """
import sys
from pathlib import Path
from features.errors import StillwatchError
from serving.server import Options, become_server
try:
    key = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    become_server(Path(sys.argv[1]), int(sys.argv[2]), Options(Path(sys.argv[3]), verifying_key=key))
except StillwatchError as error:
    sys.exit(str(error))
"""


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


def test_serve_answers_until_sigterm_and_then_ends_with_0_also_where_the_model_must_be_signed(
    signed_bento: Path, keys: Path, store: Path, tmp_path: Path
) -> None:
    port, copied = free_port(HOST), shutil.copytree(signed_bento, tmp_path / "bentos" / "signed")
    call = [sys.executable, "-c", SERVE, str(copied), str(port), str(store), str(keys / "public.pem")]
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
    port = free_port(HOST)
    call = [sys.executable, "-c", SERVE, str(copied), str(port), str(store)]
    done = subprocess.run(call, cwd=CODE_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "booster.txt is missing or was changed after packaging" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not listens(port)


@pytest.mark.parametrize("wrong", ["model", pytest.param("store", marks=pytest.mark.slow)])
def test_bentoml_itself_refuses_too_with_a_sentence_and_nothing_listens(
    copied: Path, tmp_path: Path, wrong: str
) -> None:
    if wrong == "model":
        change_a_byte(copied / "src" / "model" / "booster.txt")
    port = free_port(HOST)
    call = [*bentoml_call(tmp_path / "home"), "serve", str(copied), "--host", HOST, "--port", str(port)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert ("booster.txt was changed" if wrong == "model" else "the service has no feature store") in last
    assert "Traceback" not in done.stderr
    assert not listens(port)


def test_a_store_that_cannot_be_read_is_reported_before_anything_listens(copied: Path, tmp_path: Path) -> None:
    port = free_port(HOST)
    with (
        pytest.raises(StillwatchError, match=r"ended before it was ready: .*can't be read"),
        running_server(copied, Options(tmp_path / "empty"), port=port, log=tmp_path / "log"),
    ):
        pass
    assert not listens(port)


def test_a_port_in_use_is_refused(bento: Path, store: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(InputError, match="can't be used"):
            server_command(bento, taken.getsockname()[1], Options(store))


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_refused(bento: Path, store: Path, port: int) -> None:
    with pytest.raises(InputError, match=f"port {port} of .* can't be used"):
        server_command(bento, port, Options(store))


def test_a_port_that_another_server_is_just_starting_on_is_refused(copied: Path, store: Path) -> None:
    port = free_port(HOST)
    _, lock = server_command(copied, port, Options(store))
    try:
        with pytest.raises(InputError, match=f"port {port} belongs to a server that is just starting or ending: give"):
            server_command(copied, port, Options(store))
        _, other = server_command(copied, free_port(HOST), Options(store))
        os.close(other)
    finally:
        os.close(lock)
    _, again = server_command(copied, port, Options(store))
    os.close(again)


def test_what_a_killed_server_left_is_removed_at_the_next_start_and_a_living_one_keeps_its_own(
    copied: Path, store: Path, tmp_path: Path
) -> None:
    bentos, port = copied.parent, free_port(HOST)
    call = [sys.executable, "-c", SERVE, str(copied), str(port), str(store)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(call, cwd=CODE_ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        end = time.monotonic() + 90
        while not is_ready(port) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert is_ready(port)
        _, lock = server_command(copied, free_port(HOST), Options(store))
        os.close(lock)
        assert (bentos / f".run-{port}" / "arguments.json").is_file()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    end, next_port = time.monotonic() + 30, free_port(HOST)
    while (bentos / f".run-{port}").exists() and time.monotonic() < end:  # the worker notices within a second
        time.sleep(0.1)
        _, lock = server_command(copied, next_port, Options(store))
        os.close(lock)
    assert [path.name for path in bentos.glob(".run-*")] == [f".run-{next_port}"]
    assert not listens(port)


def test_a_model_that_must_be_signed_and_is_not_has_no_command(bento: Path, keys: Path, store: Path) -> None:
    with pytest.raises(IntegrityError, match=r"src/model is not signed \(model\.sig is missing\)"):
        server_command(bento, free_port(HOST), Options(store, verifying_key=keys / "public.pem"))


def test_a_server_does_not_inherit_the_keys(copied: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLWATCH_KEY", "5a" * 32)
    monkeypatch.setenv("STILLWATCH_SIGNING_KEY", "private.pem")
    call, lock = server_command(copied, free_port(HOST), Options(store))
    os.close(lock)
    program = call.index(sys.executable)
    seen = subprocess.run([*call[:program], "env"], capture_output=True, text=True, check=True).stdout
    assert "BENTOML_HOME=" in seen
    assert "STILLWATCH" not in seen


def test_a_changed_bento_has_no_command(copied: Path, store: Path) -> None:
    change_a_byte(copied / "src" / "serving" / "service.py")
    with pytest.raises(IntegrityError, match=r"service\.py is missing or was changed"):
        server_command(copied, free_port(HOST), Options(store))


def test_thresholds_that_cross_are_refused_before_a_port_is_opened(bento: Path, store: Path) -> None:
    with pytest.raises(InputError, match=r"act threshold 0\.1 lies below the review threshold 0\.5"):
        server_command(bento, free_port(HOST), Options(store, review_threshold=0.5, act_threshold=0.1))


def test_compiled_modules_beside_those_of_a_bento_are_removed_before_it_is_served(copied: Path, store: Path) -> None:
    cache = copied / "src" / "serving" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "service.cpython-311.pyc").write_bytes(b"planted")
    call, lock = server_command(copied, free_port(HOST), Options(store))
    os.close(lock)
    assert not cache.exists()
    assert "PYTHONDONTWRITEBYTECODE=1" in call


def test_the_address_of_redis_is_in_a_private_file_and_in_no_argument(copied: Path, store: Path) -> None:
    url = "redis://:secret@127.0.0.1:6379/0"
    call, lock = server_command(copied, free_port(HOST), Options(store, url))
    os.close(lock)
    arguments = Path(call[call.index("--arg-file") + 1])
    assert "secret" not in " ".join(call) + arguments.read_text()
    file = Path(json.loads(arguments.read_text())["online_file"])
    assert (file.read_text(), file.stat().st_mode & 0o777) == (url, 0o600)
