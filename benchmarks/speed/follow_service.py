"""The scoring endpoint of a follower's workspace, which is killed whole and started again, and asked all the time."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from benchmarks.endpoint.bare import make_model
from features.store.lookup import FeatureLookup
from serving.package import package_model
from serving.process import free_port
from serving.server import HOST, Options, server_command
from training.models import model as models

STARTED = 600.0  # seconds that the store has until it holds something, and the endpoint until it answers
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
        call, lock = server_command(self._bento, self._port, Options(self._store))
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                call, stdout=log, stderr=log, pass_fds=(lock,), start_new_session=True, stdin=subprocess.DEVNULL
            )
        os.close(lock)
        end = time.monotonic() + STARTED
        while self._ask("GET", "/readyz") != "200":
            if time.monotonic() > end:
                raise SystemExit(f"the endpoint did not start: {(self._folder / 'serve.log').read_text()[-1_000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

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
