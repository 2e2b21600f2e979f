"""The scoring endpoint of a follower's workspace, which is killed whole and started again, and asked all the time."""

import os
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from benchmarks.endpoint.bare import make_model
from features.errors import InputError
from features.store.lookup import FeatureLookup
from serving.package import package_model
from serving.process import free_port
from serving.server import HOST, Options, server_command
from training.models import model as models

STARTED = 600.0  # seconds that the store has until it holds something, and the endpoint until it answers
_GONE = 10.0  # seconds that a killed process has to be gone
_PAUSE = 0.1  # between two calls


class ScoringService:
    """An endpoint with a made-up model.

    Args:
        folder: for the model and the Bento.
        store: the feature store of the follower.
    """

    def __init__(self, folder: Path, store: Path) -> None:
        self._folder, self._store, self._port = folder, store, free_port(HOST)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers, self._is_ending = Counter[str](), threading.Event()
        self._caller = threading.Thread(target=self._call, daemon=True)

    def start_first(self) -> None:
        """Package the model, and start once the follower has brought something online."""
        model, _ = make_model()
        models.save(model, self._folder / "model")
        self._bento = package_model(self._folder / "model", self._folder / "bentos")
        end = time.monotonic() + STARTED
        while FeatureLookup(self._store).marker() is None:
            if time.monotonic() > end:
                raise SystemExit("the follower brought nothing online")
            time.sleep(1)
        self.start()
        self._caller.start()

    def start(self) -> None:
        """Start it; it answers when this returns."""
        end = time.monotonic() + STARTED
        while True:
            try:
                call, lock = server_command(self._bento, self._port, Options(self._store))
                break
            except InputError:  # a process that was just forked still holds the port
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                call, stdout=log, stderr=log, pass_fds=(lock,), start_new_session=True, stdin=subprocess.DEVNULL
            )
        os.close(lock)
        while self._ask("GET", "/readyz") != "200":
            if time.monotonic() > end:
                raise SystemExit(f"the endpoint did not start: {(self._folder / 'serve.log').read_text()[-1_000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill all its processes; each worker is a session of its own."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        psutil.wait_procs(processes, _GONE)
        self._process = None

    def end(self) -> None:
        """End it, if it runs."""
        self._is_ending.set()
        if self._process is not None:
            self.kill()

    def report(self) -> str:
        """Say what was answered, and whether the log holds a traceback."""
        tracebacks = (self._folder / "serve.log").read_text().count("Traceback")
        return f"endpoint: calls by status {dict(self._answers)} (none: it was gone), {tracebacks} tracebacks"

    def _call(self) -> None:
        """Ask again and again, and count what is answered."""
        while not self._is_ending.wait(_PAUSE):
            self._answers[self._ask("POST", "/score", {"account_ids": ["a-1", "nobody"]})] += 1

    def _ask(self, method: str, path: str, body: object = None) -> str:
        try:
            return str(httpx.request(method, f"http://{HOST}:{self._port}{path}", json=body, timeout=30).status_code)
        except httpx.HTTPError:
            return "none"
