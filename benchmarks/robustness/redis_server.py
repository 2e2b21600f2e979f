"""A Redis server on loopback that a measurement kills, freezes and empties."""

import signal
import subprocess
import time
from pathlib import Path

from serving.process import free_port
from serving.server import HOST


class RedisServer:
    """A Redis without persistence, as a cache usually is."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(HOST), folder
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it, empty."""
        call = ["redis-server", "--port", str(self.port), "--bind", HOST, "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(call, stdout=subprocess.DEVNULL)
        from redis import Redis
        from redis.exceptions import RedisError

        for _ in range(200):
            try:
                Redis(host=HOST, port=self.port).ping()
                return
            except RedisError:
                time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(10)

    def flush(self) -> None:
        """Empty it."""
        from redis import Redis

        Redis(host=HOST, port=self.port).flushall()

    def end(self) -> None:
        """End it."""
        self.signal(signal.SIGKILL)
