"""Spoiled requests, and a server that answers them badly on purpose."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.robustness.raw_requests import RightRequest, Spoiler, pickled_requests, send_all

RIGHT = [RightRequest("POST", "/score", {"account_ids": ["a"]}), RightRequest("GET", "/livez")]


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives one answer to everything; its address."""
    loop = asyncio.new_event_loop()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100_000)
        writer.write(answer)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(respond, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_requests_are_spoiled_alike_from_one_seed_and_mostly_in_other_ways() -> None:
    first, again, other = ([spoiler.spoil() for _ in range(200)] for spoiler in (Spoiler(RIGHT, 1), Spoiler(RIGHT, 1),
                                                                                 Spoiler(RIGHT, 2)))  # fmt: skip
    assert first == again != other
    assert len(set(first)) > 150


def test_a_5xx_a_traceback_and_silence_are_noticed() -> None:
    for answer, status, failures in (
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, 2),
        (b"HTTP/1.1 400 Bad Request\r\nx: Traceback\r\n\r\n", 400, 2),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 400, 0),
        (b"", 0, 0),
    ):
        with answering(answer) as url:
            tally = send_all(url, [b"a", b"b"])
        assert (dict(tally.statuses), len(tally.failures)) == ({status: 2}, failures)


def test_a_pickle_comes_under_every_content_type(tmp_path: Path) -> None:
    requests = pickled_requests(RIGHT, tmp_path / "marker")
    assert len(requests) == 2 * 5
    assert all(request.partition(b"\r\n\r\n")[2].startswith(b"cos\nsystem\n") for request in requests)
