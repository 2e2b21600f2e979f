"""A TCP proxy on loopback that delays what it passes on, or resets connections at random."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from serving.process import free_port
from serving.server import HOST

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a closed connection is reset


@dataclass
class FaultProxy:
    """What the proxy does to connections.

    Attributes:
        port: where it listens.
        target: port of the server behind it.
        delay: seconds by which each piece of an answer is late.
        reset_share: share of requests at which the connection is reset.
        resets: how many there were.
    """

    port: int
    target: int
    delay: float = 0.0
    reset_share: float = 0.0
    resets: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(0))

    async def serve(self, started: threading.Event) -> None:
        """Pass connections on until the loop is stopped."""
        async with await asyncio.start_server(self._connect, HOST, self.port) as server:
            started.set()
            await server.serve_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            behind_reader, behind_writer = await asyncio.open_connection(HOST, self.target)
            pumps = (self._pump(reader, behind_writer, writer), self._pump(behind_reader, writer))
            await asyncio.gather(*pumps)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, front: asyncio.StreamWriter | None = None
    ) -> None:
        """Pass pieces on; requests, whose `front` is given, may be reset, answers may be late."""
        with suppress(OSError):
            while piece := await reader.read(65536):
                if front is not None and self._chance.random() < self.reset_share:
                    self.resets += 1
                    front.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    front.transport.abort()
                    break
                if front is None and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()
        writer.close()


@contextmanager
def fault_proxy(target: int) -> Iterator[FaultProxy]:
    """Run a proxy before a port while the block runs."""
    proxy, started = FaultProxy(free_port(HOST), target), threading.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        with suppress(RuntimeError, asyncio.CancelledError):  # the loop is stopped
            loop.run_until_complete(proxy.serve(started))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
