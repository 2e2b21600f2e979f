"""The connection to Redis: made from its address in this process alone, so that no password reaches a file or a log."""

from typing import Any
from urllib.parse import urlsplit

WRITE_SECONDS = 10.0
"""How long a command waits for an answer of Redis, where nobody waits for the command."""


def connect_redis(url: str, seconds: float | None) -> Any:
    """Return a client of a Redis server.

    Args:
        url: `redis://` or `rediss://` (TLS), with user, password and database; `ssl_ca_certs=PATH` and the like may
            follow after a question mark.
        seconds: how long a reader waits for an answer; None for a command.
    """
    from redis import Redis
    from redis.backoff import ExponentialBackoff, NoBackoff
    from redis.exceptions import ConnectionError as ConnectionLostError
    from redis.retry import Retry

    # A reader tries once more, as after a reset; a time-out is never waited for twice.
    retry = Retry(ExponentialBackoff(), 3) if seconds is None else Retry(NoBackoff(), 1, (ConnectionLostError,))
    wait = WRITE_SECONDS if seconds is None else seconds
    return Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait, retry=retry)


def bare_address(url: str) -> str:
    """Return host and port of a Redis URL, which Feast is shown; it never connects itself."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"
