"""Bodies as they arrive: their limits, and how they are unpacked."""

import zlib

from features.errors import StillwatchError

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a body as it is sent."""
UNPACKED_LIMIT = 64 * 1024 * 1024
"""Bytes of a body once it is unpacked: a small archive may hold gigabytes."""


class UnreadableBodyError(StillwatchError):
    """A body that can't be read whenever it is sent.

    Attributes:
        status: what HTTP answers to it.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def check_size(size: int) -> None:
    """Check how many bytes a body has.

    Raises:
        UnreadableBodyError: too many.
    """
    if size > BODY_LIMIT:
        raise UnreadableBodyError(413, f"the body must be at most {BODY_LIMIT} bytes: send fewer events at once")


def is_packed(encoding: str) -> bool:
    """Tell by a content encoding whether a body is packed.

    Raises:
        UnreadableBodyError: it is packed by something else than gzip.
    """
    packing = encoding.strip().lower()
    if packing not in ("", "identity", "gzip"):
        raise UnreadableBodyError(415, "expected content encoding gzip or none")
    return packing == "gzip"


def unpack(body: bytes) -> bytes:
    """Unpack a body that gzip has packed.

    Raises:
        UnreadableBodyError: it is no such body, or too large unpacked.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, UNPACKED_LIMIT)
    except zlib.error:
        raise UnreadableBodyError(400, "the body can't be unpacked by gzip") from None
    if unpacker.unconsumed_tail:
        raise UnreadableBodyError(
            413, f"the body must be at most {UNPACKED_LIMIT} bytes unpacked: send fewer events at once"
        )
    if not unpacker.eof:
        raise UnreadableBodyError(400, "the body can't be unpacked by gzip: it breaks off")
    return unpacked
