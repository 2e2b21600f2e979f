"""A server that says where it listens."""

import socket

import uvicorn


class AnnouncedServer(uvicorn.Server):
    """Prints a line once it listens.

    Args:
        config: uvicorn's.
        line: what to print.
    """

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and print the line."""
        await super().startup(sockets)
        print(f"{self._line}\nCtrl-C stops it.", flush=True)
