"""Connections to a real server: how slowly headers may come, how long they may be, and what reaches the metrics."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from serving.load.connections import HEADER_BYTES, HEADER_SECONDS


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
