"""Raw bytes for a port: requests that were right before they were spoiled, and what is answered to them."""

import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

AT_ONCE = 16
"""Requests that are under way at a time."""
_PATIENCE = 0.5  # seconds that an answer may take; a request that is broken off gets none
_PICKLES = ("vnd.bentoml+pickle", "x-pickle", "python-pickle", "x-python-serialize", "octet-stream")
_METHODS = (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get", b"\x00", b"A" * 300)
_ODD = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"-1",
    b"1e9",
    b"9" * 40,
    b"\r\n",
    b"\r\n\r\n",
    b"%00",
    b"{}",
    b"[" * 2000,
    b"A" * 9000,
)
_HEADERS = (
    b"content-type: application/json",
    b"content-type: text/plain",
    b"content-type: \xff\xfe",
    b"content-length: 0",
    b"content-length: -1",
    b"content-length: 99999999999999999999",
    b"content-length: 5, 6",
    b"transfer-encoding: chunked",
    b"transfer-encoding: gzip, chunked",
    b"content-encoding: gzip",
    b"content-encoding: br",
    b"expect: 100-continue",
    b"expect: 200-maybe",
    b"authorization: Bearer \xc3\xa9",
    b"authorization: Basic Og==",
    b"host: a, b",
    b"connection: upgrade\r\nupgrade: websocket",
    b"connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
    b"traceparent: 00-zz",
    b"x-request-id: \x7f",
    b"x-account-id: \xff",
    b"x-forwarded-for: ::::",
    b"cookie: " + b"a=b; " * 500,
    b"accept: " + b"*/*, " * 500,
    b"bentoml-payload-meta: {}",
    b"args-number: 1",
    b"no colon",
    b" folded: line",
    b": empty name",
)


@dataclass(frozen=True)
class RightRequest:
    """A request that a server answers.

    Attributes:
        method, path: of its first line.
        body: of it, as JSON; None for none.
    """

    method: str
    path: str
    body: object = None

    def parts(self) -> tuple[bytes, list[bytes], bytes]:
        """First line, headers and body."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        headers = [b"host: a", b"content-type: application/json", b"content-length: %d" % len(body)]
        return f"{self.method} {self.path} HTTP/1.1".encode(), headers, body


@dataclass
class RawTally:
    """What was answered.

    Attributes:
        statuses: requests by status; 0 for those that got no answer.
        failures: examples of requests that got a 5xx, and of their answers.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[tuple[bytes, bytes]] = field(default_factory=list)


class Spoiler:
    """Spoils requests.

    Args:
        requests: that are right.
        seed: of all draws.
    """

    def __init__(self, requests: Sequence[RightRequest], seed: int) -> None:
        self._requests, self._random = requests, random.Random(seed)
        self._steps: tuple[Callable[[bytes, list[bytes], bytes], bytes], ...] = (
            self._spoil_line, self._spoil_headers, self._spoil_body, self._spoil_packing, self._spoil_chunks,
            self._spoil_bytes,
        )  # fmt: skip

    def spoil(self) -> bytes:
        """Return the bytes of a request in which something is wrong."""
        line, headers, body = self._random.choice(self._requests).parts()
        self._random.shuffle(headers)
        return self._random.choice(self._steps)(line, headers, body)

    def _spoil_line(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        method, path, version = line.split(b" ")
        odd = self._random.choice(_ODD)
        lines = (
            b" ".join([self._random.choice(_METHODS), path, version]),
            b" ".join([method, path + odd, version]),
            b" ".join([method, b"/" + odd + path, version]),
            b" ".join([method, path + b"?format=" + odd + b"&" + odd, version]),
            b" ".join([method, b"http://other" + path, version]),
            b" ".join([method, path, self._random.choice((b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b"http/1.1", odd))]),
            odd,
        )
        return _join(self._random.choice(lines), headers, body)

    def _spoil_headers(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        more = self._random.choices(_HEADERS, k=self._random.choice((1, 1, 2, 5, 120)))
        cut = headers if self._random.random() < 0.6 else headers[1:]
        return _join(line, self._random.sample([*cut, *more], len(cut) + len(more)), body)

    def _spoil_body(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        at, odd = self._random.randrange(len(body) + 1), self._random.choice(_ODD)
        bodies = (body[:at] + odd + body[at:], body[:at], odd, body * self._random.randrange(2, 50), b"[" + body)
        return _with_length(line, headers, self._random.choice(bodies))

    def _spoil_packing(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        packed = gzip.compress(self._random.choice((body, body * 500, bytes(200_000))), mtime=0)
        cut = self._random.choice((len(packed), len(packed) // 2, 3))
        return _with_length(line, [*headers, b"content-encoding: gzip"], packed[:cut])

    def _spoil_chunks(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        size = self._random.choice((b"%x" % len(body), b"fffffffff", b"-1", b"g", b"", b"1;ext=" + b"a" * 500))
        rest = self._random.choice((b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n0\r\ntrailer: x\r\n\r\n", b""))
        others = [header for header in headers if not header.startswith(b"content-length")]
        return _join(line, [*others, b"transfer-encoding: chunked"], size + b"\r\n" + body + rest)

    def _spoil_bytes(self, line: bytes, headers: list[bytes], body: bytes) -> bytes:
        content = bytearray(_join(line, headers, body))
        for _ in range(self._random.randrange(1, 12)):
            content[self._random.randrange(len(content))] = self._random.randrange(256)
        return bytes(content[: self._random.choice((len(content), self._random.randrange(1, len(content))))])


def pickled_requests(requests: Sequence[RightRequest], marker: Path) -> list[bytes]:
    """Bytes of requests that would make a file if anybody unpickled their bodies."""
    body = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    heads = [(request.parts()[0], f"content-type: application/{kind}") for request in requests for kind in _PICKLES]
    return [_join(line, [b"host: a", kind.encode(), b"content-length: %d" % len(body)], body) for line, kind in heads]


def send_all(url: str, requests: Sequence[bytes]) -> RawTally:
    """Send requests, each over a connection of its own."""
    return asyncio.run(_send_all(url, requests))


async def _send_all(url: str, requests: Sequence[bytes]) -> RawTally:
    tally, waiting = RawTally(), iter(requests)

    async def send_next() -> None:
        for request in waiting:
            answer = await _send(url, request)
            status = int(answer[9:12]) if answer[9:12].isdigit() else 0
            tally.statuses[status] += 1
            if status >= 500 or b"Traceback" in answer:
                tally.failures.append((request[:2_000], answer))

    await asyncio.gather(*(send_next() for _ in range(AT_ONCE)))
    return tally


async def _send(url: str, request: bytes) -> bytes:
    """Send one; return the begin of its answer, empty if there was none."""
    address, answer = urlsplit(url), b""
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    with suppress(OSError, TimeoutError):
        writer.write(request)
        async with asyncio.timeout(_PATIENCE):
            while b"\r\n\r\n" not in answer and (part := await reader.read(4_096)):
                answer += part
    writer.transport.abort()
    return answer


def _with_length(line: bytes, headers: list[bytes], body: bytes) -> bytes:
    others = [header for header in headers if not header.startswith(b"content-length")]
    return _join(line, [*others, b"content-length: %d" % len(body)], body)


def _join(line: bytes, headers: Sequence[bytes], body: bytes) -> bytes:
    return b"\r\n".join([line, *headers]) + b"\r\n\r\n" + body
