"""A real NATS server with JetStream, on a loopback port, that may be killed and started again."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
from nats.js import JetStreamContext

from serving.process import free_port

_READY_SECONDS = 30.0


@dataclass
class NatsServer:
    """A server whose streams survive it: what it acknowledged is synced.

    Attributes:
        folder: of its streams and its log.
        options: lines of its configuration.
        port: on 127.0.0.1.
    """

    folder: Path
    options: str = ""
    port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it answers when this returns.

        Raises:
            RuntimeError: it did not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        config, said = self.folder / "nats.conf", self.folder / "nats.log"
        store = f'jetstream {{ store_dir: "{self.folder}", sync_interval: always }}'
        config.write_text(f"listen: {self.address}\n{store}\n{self.options}\n")
        with said.open("wb") as log:
            call = [str(Path(sys.executable).with_name("nats-server")), "-c", str(config)]
            self._process = subprocess.Popen(call, stdout=log, stderr=log)
        end = time.monotonic() + _READY_SECONDS
        while b"Server is ready" not in said.read_bytes():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"the NATS server did not start: {said.read_text()[-500:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @asynccontextmanager
    async def streams(self, **options: Any) -> AsyncIterator[JetStreamContext]:
        """A connection of somebody who publishes; it does not survive the server."""
        client = await nats.connect(f"nats://{self.address}", allow_reconnect=False, error_cb=_ignore, **options)
        try:
            yield client.jetstream(timeout=5)
        finally:
            with suppress(Exception):
                await client.close()


async def _ignore(_: Exception) -> None:
    """Who publishes sees what goes wrong."""
