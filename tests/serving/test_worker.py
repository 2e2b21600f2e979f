"""What stands by while another process serves, with real processes that do nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.process import last_words

SERVE = """
import asyncio, os, sys, time
from serving.worker import Standby

def serve(turn):
    assert turn.standby == os.getppid()
    asyncio.run(turn.come(lambda: False))
    with open(sys.argv[1], "a") as log:
        print(os.getpid(), flush=True, file=log)
    time.sleep(float(sys.argv[2]))
    os._exit(3)

{start}
"""
DIRECTLY = "Standby(os.getppid()).run(serve)"
BETWEEN = "os.fork() and time.sleep(60) or Standby(os.getppid()).run(serve)"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A file to which whoever serves writes its number; none of them outlives the test."""
    path = tmp_path / "log"
    path.touch()
    yield path
    for line in path.read_text().split():
        assert not is_running(int(line))


def start(log: Path, seconds: float, how: str = DIRECTLY) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SERVE.format(start=how), str(log), str(seconds)])


def forks(process: int) -> list[int]:
    """The living children of a process."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [child for child in map(int, listed) if is_running(child)]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def serving(log: Path, count: int) -> int:
    """The number of the process that serves, once there were so many."""
    wait(lambda: len(log.read_text().splitlines()) == count)
    return int(last_words(log))


def test_who_is_killed_is_replaced_by_the_one_that_waits_and_all_end_when_told_to(log: Path) -> None:
    standby = start(log, 60)
    for count in (1, 2, 3):
        first = serving(log, count)
        wait(lambda: len(forks(standby.pid)) == 2)
        (waiting,) = set(forks(standby.pid)) - {first}
        os.kill(first, signal.SIGKILL)
        assert serving(log, count + 1) == waiting  # nobody was forked for it
    wait(lambda: len(forks(standby.pid)) == 2)
    (waiting,) = set(forks(standby.pid)) - {serving(log, 4)}
    os.kill(waiting, signal.SIGKILL)
    wait(lambda: len(set(forks(standby.pid)) - {waiting}) == 2)
    assert serving(log, 4) in forks(standby.pid)
    standby.terminate()
    assert standby.wait(30) == 0


def test_who_ends_by_itself_is_not_replaced(log: Path) -> None:
    assert start(log, 0.2).wait(30) == 3
    assert len(log.read_text().splitlines()) == 1


def test_nobody_serves_for_a_server_that_is_gone(log: Path) -> None:
    server = start(log, 60, BETWEEN)
    process = serving(log, 1)
    server.kill()
    server.wait(30)
    wait(lambda: not is_running(process))


APP = """
import os, socket, uvicorn
from serving.worker import serve_in_forks

calls = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
        return
    calls.append(scope["path"])
    body = f"{os.getpid()} {' '.join(calls)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

serve_in_forks()
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on")).run(sockets=[listener])
"""


def test_who_takes_over_has_answered_before_and_calls_wait_for_it_at_the_port() -> None:
    with subprocess.Popen([sys.executable, "-c", APP], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}/score"
        served = set()
        for _ in range(3):
            process, *calls = httpx.get(address, timeout=30).text.split()
            assert calls == ["/livez", "/readyz", "/score"]
            served.add(process)
            wait(lambda: len(forks(server.pid)) == 2)
            os.kill(int(process), signal.SIGKILL)
        assert len(served) == 3
        server.terminate()
        assert server.wait(30) == 0
