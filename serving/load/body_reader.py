"""Reading a request's body, the same way on every port: its headers, type and packing, its size, and its sender's pace.

What is wrong is found before the body is held: a body of another type is not read, and one that is too large is read
and dropped for a while, since a client that is cut off while it sends would not see the answer.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from features.errors import StillwatchError
from serving.load.admission import HeldBytes

BODY_SECONDS = 20.0
"""A sender has this long to send its body."""

DRAINED = 6 * 1024 * 1024
"""Bytes beyond the limit that are read and dropped before the connection is closed, so that the sender sees the answer.
Doubled, a hostile sender could keep the server reading twice as long."""

SINGLE = (b"content-type", b"content-length", b"authorization", b"host", b"transfer-encoding", b"content-encoding")
"""Headers that one call has once: of two, one layer might read the first and another the second."""

JSON = "application/json"
ENDING = (408, 413, 415)  # statuses after which the rest of a body is still on its way
Headers = Sequence[tuple[bytes, bytes]]


class BodyError(StillwatchError):
    """A body that is not taken.

    Attributes:
        status: what HTTP answers to it.
        field: what is wrong: `body` or `headers`.
        problem: what it must be, without a subject.
    """

    def __init__(self, status: int, problem: str, field: str = "body") -> None:
        super().__init__(f"the body {problem}" if field == "body" else f"{field}: {problem}")
        self.status, self.problem, self.field = status, problem, field

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer; what is still on its way would be read as the next request."""
        return {"connection": "close"} if self.status in ENDING else {}


@dataclass(frozen=True)
class BodyRules:
    """What a body must be.

    Attributes:
        most_bytes: of a body as it is sent.
        unpacked_bytes: of a body that gzip has packed, once it is unpacked, as a small archive may hold gigabytes;
            None takes no packed ones.
        kinds: the content types that are taken; a body without one has the first.
        note: said of content types, in brackets.
        advice: what a sender of a body that is too large can do.
    """

    most_bytes: int
    unpacked_bytes: int | None = None
    kinds: tuple[str, ...] = (JSON,)
    note: str = ""
    advice: str = ""

    def check_size(self, size: int) -> None:
        """Check how many bytes a body has.

        Raises:
            BodyError: too many.
        """
        if size > self.most_bytes:
            raise self._too_large(f"{self.most_bytes} bytes")

    def check_kind(self, kind: str) -> None:
        """Check a content type.

        Raises:
            BodyError: it is none of those that are taken.
        """
        if kind.partition(";")[0].strip().lower() not in self.kinds:
            named = " or ".join(self.kinds[:2])
            raise BodyError(415, f"must have the content type {named}{self.note and f' ({self.note})'}")

    def is_packed(self, encoding: str) -> bool:
        """Tell by a content encoding whether a body is packed.

        Raises:
            BodyError: it is packed by something else than gzip, or no packed body is taken.
        """
        packing = encoding.strip().lower()
        if packing in ("", "identity"):
            return False
        if packing != "gzip" or self.unpacked_bytes is None:
            taken = "none" if self.unpacked_bytes is None else "gzip or none"
            raise BodyError(415, f"must have the content encoding {taken}")
        return True

    def unpack(self, body: bytes) -> bytes:
        """Unpack a body that gzip has packed.

        Raises:
            BodyError: it is no such body, or too large unpacked.
        """
        assert self.unpacked_bytes is not None
        unpacker = zlib.decompressobj(wbits=31)
        try:
            unpacked = unpacker.decompress(body, self.unpacked_bytes)
        except zlib.error:
            raise BodyError(400, "can't be unpacked by gzip") from None
        if unpacker.unconsumed_tail:
            raise self._too_large(f"{self.unpacked_bytes} bytes unpacked")
        if not unpacker.eof:
            raise BodyError(400, "can't be unpacked by gzip: it breaks off")
        return unpacked

    def _too_large(self, most: str) -> BodyError:
        return BodyError(413, f"must be at most {most}{self.advice and f': {self.advice}'}")


def find_repeated(headers: Headers) -> str | None:
    """Find what contradicts itself in headers; a sentence, or None."""
    names = [name for name, _ in headers]
    if len(set(names)) < len(names):
        counts = Counter(names)
        repeated = next((name for name in SINGLE if counts[name] > 1), None)
        if repeated is not None:
            return f"{repeated.decode()} must be given once"
    if b"transfer-encoding" in names and b"content-length" in names:
        return "content-length and transfer-encoding contradict each other"
    return None


async def read_body(scope: Scope, receive: Receive, rules: BodyRules, held: HeldBytes) -> bytes:
    """Read a whole body, also if it comes in chunks without a declared length, and unpack it.

    Args:
        scope: of the call.
        receive: gives its parts.
        rules: what it must be.
        held: counts its bytes while the caller holds it.

    Raises:
        BodyError: it is not as it must be, or comes too slowly.
        OverloadError: too many bytes of bodies are held.
        ClientDisconnect: the sender left.
    """
    repeated = find_repeated(scope["headers"])
    if repeated is not None:
        raise BodyError(400, repeated, "headers")
    headers: dict[bytes, bytes] = dict(scope["headers"])
    rules.check_kind(headers[b"content-type"].decode("latin-1") if b"content-type" in headers else rules.kinds[0])
    is_packed = rules.is_packed(headers.get(b"content-encoding", b"").decode("latin-1"))
    length = headers.get(b"content-length", b"0")
    declared = int(length[:20]) if length.isdigit() else 0
    if declared > rules.most_bytes + DRAINED:
        rules.check_size(declared)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _receive_all(receive, rules, held, declared)
    except TimeoutError:
        raise BodyError(408, f"did not arrive within {BODY_SECONDS:.0f} seconds") from None
    return await asyncio.to_thread(rules.unpack, body) if is_packed else body


async def _receive_all(receive: Receive, rules: BodyRules, held: HeldBytes, declared: int) -> bytes:
    """Receive all parts; those of a body that is too large are dropped, at once if it says so itself."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        size += len(part)
        if max(size, declared) <= rules.most_bytes:
            held.add(len(part))
            parts.append(part)
        elif parts:
            parts.clear()
        is_done = not message.get("more_body", False)
        if is_done or size > rules.most_bytes + DRAINED:
            rules.check_size(size)
            return parts[0] if len(parts) == 1 else b"".join(parts)
