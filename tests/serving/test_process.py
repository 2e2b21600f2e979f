"""Servers in a process of their own: ready when the block begins, gone with all they started when it ends."""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from features.errors import InputError, StillwatchError
from serving.process import STARTS, check_port, free_port, last_words, server_process

HOST = "127.0.0.1"
# As MLflow does it: a launcher that ends on SIGTERM and leaves its server running.
LAUNCHER = """
import signal, subprocess, sys
server = "import signal, runpy; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
server += "runpy.run_module('http.server', run_name='__main__', alter_sys=True)"
subprocess.run([sys.executable, "-c", server, "--bind", "127.0.0.1", sys.argv[1]])
"""
# As BentoML ends where another program took a port that it had found free for itself: so often, then it serves.
UNLUCKY = """
import pathlib, runpy, sys
left = pathlib.Path(sys.argv.pop(1))
if left.read_text():
    left.write_text(left.read_text()[1:])
    sys.exit("zmq.error.ZMQError: Address already in use")
runpy.run_module("http.server", run_name="__main__", alter_sys=True)
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_a_port_that_is_taken_is_refused_by_name() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 can't be used"):
            check_port(HOST, port)
    check_port(HOST, free_port(HOST))


def test_the_server_answers_inside_the_block_and_nothing_of_it_is_left_after(tmp_path: Path) -> None:
    port = free_port(HOST)
    address = f"http://{HOST}:{port}/"
    with server_process([sys.executable, "-c", LAUNCHER, str(port)], address, tmp_path / "log"):
        assert listens(port)
    end = time.monotonic() + 10
    while listens(port) and time.monotonic() < end:
        time.sleep(0.05)
    assert not listens(port)
    assert "GET / HTTP/1.1" in (tmp_path / "log").read_text()


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    call = [sys.executable, "-c", "import sys; open(sys.argv[1], 'a').write('x'); sys.exit('no disk left')"]
    call.append(str(tmp_path / "starts"))
    (tmp_path / "log").write_text("Address already in use, said an earlier server\n")
    server = server_process(call, f"http://{HOST}:{free_port(HOST)}/", tmp_path / "log")
    with pytest.raises(StillwatchError, match="ended before it was ready: no disk left"), server:
        pass
    assert last_words(tmp_path / "log") == "no disk left"
    assert (tmp_path / "starts").read_text() == "x", "what ends for another reason is not started again"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_server_that_finds_a_port_of_its_own_choice_taken_is_started_three_times_in_all(
    tmp_path: Path, times: int
) -> None:
    (tmp_path / "left").write_text("x" * times)
    port = free_port(HOST)
    call = [sys.executable, "-c", UNLUCKY, str(tmp_path / "left"), "--bind", HOST, str(port)]
    server = server_process(call, f"http://{HOST}:{port}/", tmp_path / "log")
    if times < STARTS:
        with server:
            assert listens(port)
    else:
        with pytest.raises(StillwatchError, match=r"ended before it was ready: .*Address already in use"), server:
            pass
    assert not (tmp_path / "left").read_text()
    assert not listens(port)


def test_a_block_that_fails_stops_the_server_too(tmp_path: Path) -> None:
    port = free_port(HOST)
    call = [sys.executable, "-m", "http.server", "--bind", HOST, str(port)]
    with suppress(KeyError), server_process(call, f"http://{HOST}:{port}/", tmp_path / "log"):
        raise KeyError
    assert not listens(port)
