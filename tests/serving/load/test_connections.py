"""Connections to a real server: how slowly headers may come, how long they may be, and what reaches the metrics."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from serving.load.admission import Admission
from serving.load.connections import HEADER_BYTES, HEADER_SECONDS, EarlyRefusal, LimitedProtocol
from serving.load.front import Front
from serving.telemetry.requests import RequestMeters

BODY = b'{"account_ids": ["a"]}'
CALL = b"POST /score HTTP/1.1\r\nhost: a\r\nx-request-id: r-1\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
LIMITED = ("/score", "/tree")


def send(url: str, *parts: bytes, pause: float = 0.0, wait: float = 2.0) -> bytes:
    """Send parts of a call; return all that the server says until it closes the connection, or is silent."""
    address = urlsplit(url)
    said = b""
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=wait) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while received := connection.recv(65536):
                said += received
        except OSError:  # closed, or silent
            pass
    return said


def test_headers_without_end_are_refused(server: str) -> None:
    lines = [b"x-%d: %s\r\n" % (row, b"a" * 1_000) for row in range(HEADER_BYTES // 1_000 + 1)]
    said = send(server, b"POST /score HTTP/1.1\r\nhost: a\r\n", *lines, pause=0.002)
    assert said.startswith(b"HTTP/1.1 431 ")


def test_a_double_content_type_is_a_mistake_of_the_caller(server: str) -> None:
    headers = b"host: a\r\ncontent-type: application/json\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}"
    said = send(server, b"POST /score HTTP/1.1\r\nconnection: close\r\n" + headers)
    assert said.startswith(b"HTTP/1.1 400 ") and b"content-type must be given once" in said


def test_unknown_paths_make_no_metrics(server: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(lambda row: httpx.get(f"{server}/made-up-{row}").status_code, range(20)))
    assert statuses == {404}
    httpx.get(f"{server}/inline/check/made-up-1", headers={"x-account-id": "fresh-1"})
    metrics = httpx.get(f"{server}/metrics").text
    assert "made-up" not in metrics and 'endpoint="/score"' in metrics


def test_a_call_that_asks_for_a_websocket_is_a_call_as_any_other(server: str) -> None:
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n"
    said = send(server, b"GET /livez HTTP/1.1\r\nhost: a\r\n" + upgrade)
    assert said.startswith(b"HTTP/1.1 200 ")


def test_a_connection_that_sends_no_whole_headers_is_closed(server: str) -> None:
    begin = time.monotonic()
    said = send(server, b"POST /score HTTP/1.1\r\nhost: a\r\nx-slow: ", wait=HEADER_SECONDS + 5)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begin > HEADER_SECONDS / 2


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a call after its body."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected(
    admission: Admission, meters: RequestMeters, is_early: bool = True
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that refuses calls at the connection, or only in its front."""

    class Protocol(LimitedProtocol):
        early = EarlyRefusal(admission, LIMITED, "/tree", meters) if is_early else None

    front = Front(behind, paths=("/score", "/livez"), tree="/tree", limited=LIMITED, admission=admission)
    config = uvicorn.Config(front, http=Protocol, log_config=None, lifespan="off", server_header=False, port=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.should_exit = True
    await serving


async def answer_to(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *parts: bytes
) -> tuple[int, set[bytes]]:
    """The status and the other lines of an answer to a call that comes in parts."""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).splitlines()
    length = next(int(line.split(b":")[1]) for line in head if line.startswith(b"content-length"))
    lines = {line for line in head[1:] if not line.startswith((b"date", b"x-request-id"))}
    return int(head[0][9:12]), lines | {await reader.readexactly(length)}


def test_a_call_too_many_is_refused_at_the_connection_as_the_front_would_and_the_connection_goes_on() -> None:
    async def ask(is_early: bool) -> list[tuple[int, set[bytes]]]:
        admission, meters = Admission(most_calls=1), RequestMeters(LIMITED)
        async with connected(admission, meters, is_early) as streams:
            answers = [await answer_to(*streams, CALL)]
            with admission.admitted(1):
                answers += [
                    await answer_to(*streams, *parts) for parts in ((CALL,), (CALL[:60], CALL[60:-3], CALL[-3:]))
                ]
                answers.append(await answer_to(*streams, CALL.replace(b"/score", b"/tree/x?y")))
                answers.append(await answer_to(*streams, CALL.replace(b"/score", b"/livez")))
            answers.append(await answer_to(*streams, CALL))
            counted = sum(sample.value for sample in meters.collect()[0].samples)
            assert (admission.refused, counted) == (3, 3 if is_early else 0)
        return answers

    early, usual = asyncio.run(ask(True)), asyncio.run(ask(False))
    assert early == usual
    assert [status for status, _ in early] == [200, 429, 429, 429, 200, 200]


@pytest.mark.parametrize(
    "header", [b"expect: 100-continue", b"transfer-encoding: chunked", b"content-length: 999999", b"host: b"]
)
def test_calls_whose_bodies_may_be_long_or_whose_headers_contradict_each_other_are_left_to_the_front(
    header: bytes,
) -> None:
    async def ask() -> int:
        admission, meters = Admission(most_calls=1), RequestMeters(LIMITED)
        async with connected(admission, meters) as streams:
            head = CALL.partition(b"\r\n\r\n")[0]
            if b"length" in header or b"encoding" in header:
                head = head.replace(b"content-length: %d" % len(BODY), b"x-none: 1")
            with admission.admitted(1):
                await answer_to(*streams, head + b"\r\n" + header + b"\r\n\r\n")
            return int(sum(sample.value for sample in meters.collect()[0].samples))

    assert asyncio.run(ask()) == 0  # the front counts elsewhere


def test_a_refused_call_that_wants_its_connection_closed_has_it_closed() -> None:
    async def ask() -> bytes:
        admission = Admission(most_calls=1)
        async with connected(admission, RequestMeters(LIMITED)) as (reader, writer):
            with admission.admitted(1):
                writer.write(CALL.replace(b"host: a", b"host: a\r\nconnection: close"))
                return await asyncio.wait_for(reader.read(), 10)

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 429 ")


def test_calls_that_arrive_together_are_counted_before_any_of_them_runs_and_slow_senders_are_not() -> None:
    async def ask() -> tuple[list[bytes], int]:
        admission = Admission(most_calls=1)
        async with connected(admission, RequestMeters(LIMITED)) as (reader, writer):
            others = [await asyncio.open_connection(*writer.get_extra_info("peername")) for _ in range(3)]
            others[0][1].write(CALL[:-3])  # its body is not whole
            await asyncio.sleep(0.05)
            assert admission.whole_calls == 0
            for _, other in others[1:]:
                other.write(CALL)  # in one turn
            lines = [await asyncio.wait_for(other.readline(), 10) for other, _ in others[1:]]
            writer.write(CALL)
            lines.append(await asyncio.wait_for(reader.readline(), 10))
            for _, other in others:
                other.close()
        await asyncio.sleep(0.05)
        return lines, admission.whole_calls

    lines, whole_calls = asyncio.run(ask())
    assert sorted(line[9:12] for line in lines[:2]) == [b"200", b"429"]
    assert (lines[2][9:12], whole_calls) == (b"200", 0)
