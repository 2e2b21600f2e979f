"""Access to reasons: callers with the analysts' token; where no token is set, all callers of a loopback server.

Reasons would tell an attacker what to change, so only analysts get them. The server holds the token's SHA-256, not the
token.
"""

import hashlib
import hmac
import ipaddress
from contextvars import ContextVar

ANYBODY, NOBODY = "anybody", "nobody"
SCHEME = b"bearer "

reads_reasons: ContextVar[bool] = ContextVar("reads_reasons", default=False)
"""May the current caller read reasons? Set by `serving.middleware` for each call."""


class WrongTokenError(Exception):
    """The caller sent a token that is not the analysts' token."""

    def __init__(self) -> None:
        super().__init__("the token is not the analysts' token")


def choose_readers(token: str | None, host: str) -> str:
    """Return who may read reasons: the SHA-256 of the token that callers must send, or `anybody` or `nobody`."""
    if token is not None:
        return hashlib.sha256(token.encode()).hexdigest()
    return ANYBODY if _is_loopback(host) else NOBODY


def may_read(authorization: bytes | None, readers: str) -> bool:
    """Decide by the Authorization header whether the caller may read reasons.

    Args:
        authorization: the header; None if it was not sent.
        readers: what `choose_readers` returned for the server.

    Raises:
        WrongTokenError: the header holds another token, or no bearer token.
    """
    if readers in (ANYBODY, NOBODY) or authorization is None:
        return readers == ANYBODY
    digest = hashlib.sha256(authorization[len(SCHEME) :].strip()).hexdigest()
    if not authorization.lower().startswith(SCHEME) or not hmac.compare_digest(digest, readers):
        raise WrongTokenError
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
