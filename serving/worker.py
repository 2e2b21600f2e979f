"""The worker that BentoML starts: it loads everything, and forks the process that serves and one that waits behind it.

A start takes seconds of processor time, nearly all of them for imports. So a process that has imported everything, and
does nothing else, stands by. Its forks are ready after a fifth of a second: one serves, one waits. When the first is
killed, as where memory runs out, the second serves at once, and another is forked. BentoML starts another worker only
if the one that stands by is gone.

Nothing may compute before a fork: threads of Polars and LightGBM do not survive it. They start with the first use.
"""

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds between two forks; they double while the one that waits ends by itself, since what can't begin must not take
the whole processor by being tried again."""
_LOOK_SECONDS = 0.1  # between two looks at the forks; whose turn comes waits for none of them


@dataclass(frozen=True)
class Turn:
    """A fork's turn to serve: it comes when the fork before it is gone.

    Attributes:
        standby: the process that forked it, and with which it ends; asked later, that could be gone already.
        before: reads the end of the pipe that the fork before holds open; None for the first.
    """

    standby: int
    before: int | None = None

    async def come(self, is_ending: Callable[[], bool]) -> None:
        """Wait for the turn; end this process if it is told to end before.

        Args:
            is_ending: tells whether it is.
        """
        if self.before is None:
            return
        is_free = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.before, is_free.set)
        while not is_free.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await is_free.wait()
            if is_ending():
                os._exit(0)
        asyncio.get_running_loop().remove_reader(self.before)


@dataclass(frozen=True)
class _Fork:
    process: int
    lifeline: int  # the reading end of the pipe that only the fork holds open


class Standby:
    """Stands by while forks of this process serve.

    Args:
        server: the process that started this one, which ends with it.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self._forks: list[_Fork] = []  # the first serves, the second waits
        self._is_ending, self._status = False, 0
        self._pause, self._next_fork = SHORTEST, 0.0

    def run(self, serve: Callable[[Turn], None]) -> None:
        """Let forks of this process serve; return in a fork when it is done.

        This process ends when it is told to, when its server is gone, or when the fork that serves ends by itself.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        gc.collect()
        gc.freeze()  # what is never walked again stays shared
        while True:
            if len(self._forks) < 2 and not self._is_ending and time.monotonic() >= self._next_fork:
                turn = self._fork()
                if turn is not None:
                    serve(turn)
                    return
            self._look()
            time.sleep(_LOOK_SECONDS)

    def _fork(self) -> Turn | None:
        """Fork; return the turn in the fork, None in this process."""
        self._next_fork = time.monotonic() + self._pause
        lifeline, held = os.pipe()
        standby, process = os.getpid(), os.fork()
        if process:
            os.close(held)
            self._forks.append(_Fork(process, lifeline))
            return None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.close(lifeline)
        return Turn(standby, self._forks[0].lifeline if self._forks else None)

    def _look(self) -> None:
        """Look who has ended; end when nobody is left to end."""
        if os.getppid() != self.server:
            self._is_ending = True
        for fork in [*self._forks]:
            process, status = os.waitpid(fork.process, os.WNOHANG)
            if not process:
                continue
            is_serving = fork is self._forks[0]
            self._forks.remove(fork)
            os.close(fork.lifeline)
            if os.WIFSIGNALED(status):
                self._pause = SHORTEST
                # Who was cut off calls again now, so who serves needs the processor more than another fork does.
                self._next_fork = time.monotonic() + SHORTEST
                if not self._is_ending:
                    print(f"a process was killed by signal {os.WTERMSIG(status)}: another begins", flush=True)
            elif is_serving:
                self._is_ending, self._status = True, os.waitstatus_to_exitcode(status)
            else:
                self._pause = min(2 * self._pause, LONGEST)
        if self._is_ending:
            self._end()
            if not self._forks:
                os._exit(self._status)  # nothing is left to do

    def _end(self, *_: object) -> None:
        """Pass the word to end on; a second SIGINT would cut off calls that are being answered."""
        self._is_ending = True
        for fork in reversed(self._forks):
            os.kill(fork.process, signal.SIGTERM)


async def _ask_itself(server: Any) -> None:
    """Let the whole application answer once, over a connection of its own, before anybody else may ask.

    First answers take ten times as long as others: much is made, or copied from the process that forked, only then.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    protocol, state = server.config.http_protocol_class, server.lifespan.state
    await asyncio.get_running_loop().connect_accepted_socket(
        lambda: protocol(config=server.config, server_state=server.server_state, app_state=state), theirs
    )
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    for path, then in ((b"/livez", b"keep-alive"), (b"/readyz", b"close")):
        writer.write(b"GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: %s\r\n\r\n" % (path, then))
    await reader.read()
    writer.close()


_turn: Turn | None = None
_standby: Standby | None = None


def end_server() -> None:
    """End the server of a fork that can't begin: it would be started again for ever. One that waits harms nobody."""
    if _standby is not None and _turn is not None and _turn.before is None:
        os.kill(_standby.server, signal.SIGTERM)


def starter() -> int:
    """The process that started this one: without it nobody ends this one."""
    return os.getppid() if _turn is None else _turn.standby


def serve_in_forks() -> None:
    """Let uvicorn's server, which BentoML starts after it has loaded the service, run in forks of this process."""
    global _standby
    _standby = standby = Standby(os.getppid())
    usual = uvicorn.Server

    class ForkedServer(usual):  # type: ignore[misc, valid-type]
        def run(self, *arguments: Any, **options: Any) -> None:
            def serve(turn: Turn) -> None:
                global _turn
                _turn = turn
                usual.run(self, *arguments, **options)

            standby.run(serve)

        async def startup(self, *arguments: Any, **options: Any) -> None:
            """Begin, and listen when the turn has come."""
            begin = self.lifespan.startup

            async def begin_and_wait() -> None:
                await begin()
                await _ask_itself(self)
                if _turn is not None:
                    await _turn.come(lambda: bool(self.should_exit))

            self.lifespan.startup = begin_and_wait
            await usual.startup(self, *arguments, **options)

    uvicorn.Server = ForkedServer  # type: ignore[misc]
