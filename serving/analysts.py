"""Who may read reasons: callers that show the analysts' token; without a token, callers of a loopback server.

Reasons tell an attacker what to change, so they go to analysts only. The server knows the token's SHA-256, not the
token.
"""

import hashlib
import hmac
import ipaddress
from contextvars import ContextVar

ANYBODY, NOBODY = "anybody", "nobody"
SCHEME = b"bearer "

reads_reasons: ContextVar[bool] = ContextVar("reads_reasons", default=False)
"""Of the call that is being answered; set at the edge."""


class WrongTokenError(Exception):
    """A token was shown, and it is not the analysts'."""

    def __init__(self) -> None:
        super().__init__("the token shown is not the analysts'")


def readers(token: str | None, host: str) -> str:
    """Whom a server shows reasons to: the digest of the token they must show, `anybody` or `nobody`."""
    if token is not None:
        return hashlib.sha256(token.encode()).hexdigest()
    return ANYBODY if _is_loopback(host) else NOBODY


def may_read(authorization: bytes | None, readers: str) -> bool:
    """Does the caller read reasons, going by its Authorization header?

    Raises:
        WrongTokenError: it shows a token that is not the analysts', or something else than a bearer token.
    """
    if readers in (ANYBODY, NOBODY) or authorization is None:
        return readers == ANYBODY
    shown = hashlib.sha256(authorization[len(SCHEME) :].strip()).hexdigest()
    if not authorization.lower().startswith(SCHEME) or not hmac.compare_digest(shown, readers):
        raise WrongTokenError
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
