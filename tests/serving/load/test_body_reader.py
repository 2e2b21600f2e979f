"""How bodies are read: what is refused, what is held meanwhile, and who is cut off."""

import asyncio
import gzip
from collections.abc import Iterable

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from serving.load import body_reader
from serving.load.admission import Admission, OverloadError
from serving.load.body_reader import DRAINED, BodyError, BodyRules, find_repeated, read_body

RULES = BodyRules(most_bytes=1_000, unpacked_bytes=5_000, kinds=("application/json", "application/x-ndjson"))
JSON = (b"content-type", b"application/json")
GZIP = (b"content-encoding", b"gzip")
BOMB = gzip.compress(bytes(100_000), mtime=0)
Headers = Iterable[tuple[bytes, bytes]]


class Sender:
    """Sends parts; after the last one it waits, or leaves."""

    def __init__(self, parts: Iterable[bytes], is_slow: bool = False, leaves: bool = False) -> None:
        self.parts, self.is_slow, self.leaves, self.received = list(parts), is_slow, leaves, 0

    async def receive(self) -> Message:
        if not self.parts:
            if self.leaves:
                return {"type": "http.disconnect"}
            await asyncio.sleep(60)
        part = self.parts.pop(0)
        self.received += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.is_slow or self.leaves}


def read(
    sender: Sender, headers: Headers = (JSON,), rules: BodyRules = RULES, admission: Admission | None = None
) -> bytes:
    async def read_held() -> bytes:
        with (admission or Admission()).holding() as held:
            return await read_body({"headers": list(headers)}, sender.receive, rules, held)

    return asyncio.run(read_held())


@pytest.mark.parametrize("headers", [[], [JSON], [(b"content-type", b"Application/X-NDJSON; charset=utf-8")]])
def test_a_body_comes_whole_from_its_parts(headers: Headers) -> None:
    assert read(Sender([b"ab", b"", b"cd"]), headers) == b"abcd"
    assert read(Sender([b""])) == b""


def test_a_packed_body_is_unpacked() -> None:
    assert read(Sender([gzip.compress(b"[]")]), [JSON, GZIP]) == b"[]"
    assert read(Sender([b"[]"]), [JSON, (b"content-encoding", b" Identity ")]) == b"[]"


@pytest.mark.parametrize(
    ("status", "said", "headers", "body"),
    [
        (400, "content-type must be given once", [JSON, (b"content-type", b"text/html")], b""),
        (400, "content-length must be given once", [(b"content-length", b"1"), (b"content-length", b"1")], b"a"),
        (400, "contradict each other", [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")], b"a"),
        (415, "content type application/json or application/x-ndjson", [(b"content-type", b"x/pickle")], b"\x80"),
        (415, "content encoding gzip or none", [JSON, (b"content-encoding", b"br")], b"x"),
        (400, "unpacked by gzip$", [JSON, GZIP], b"no archive"),
        (400, "it breaks off", [JSON, GZIP], gzip.compress(b"[1, 2, 3]", mtime=0)[:-9]),
        (413, "at most 5000 bytes unpacked", [JSON, GZIP], BOMB),
        (413, "at most 1000 bytes", [JSON], bytes(1_001)),
        (413, "at most 1000 bytes", [JSON, (b"content-length", b"1%020d" % 0)], bytes(10)),
    ],
)
def test_what_is_wrong_is_said_with_its_status(status: int, said: str, headers: Headers, body: bytes) -> None:
    with pytest.raises(BodyError, match=said) as wrong:
        read(Sender([body]), headers)
    assert wrong.value.status == status
    assert wrong.value.headers == ({"connection": "close"} if status in (413, 415) else {})


def test_packed_bodies_are_taken_only_where_the_rules_say_so() -> None:
    with pytest.raises(BodyError, match="content encoding none"):
        read(Sender([gzip.compress(b"[]")]), [JSON, GZIP], BodyRules(most_bytes=1_000))


def test_a_body_at_the_limit_is_read_and_a_larger_one_is_dropped_and_cut_off() -> None:
    admission = Admission(most_bytes=1_000)
    assert len(read(Sender([bytes(1_000)]), admission=admission)) == 1_000
    for headers in ([JSON], [JSON, (b"content-length", b"1001")]):
        endless = Sender([bytes(500)] * (DRAINED // 500 * 2), is_slow=True)
        with pytest.raises(BodyError, match="at most 1000 bytes"):
            read(endless, headers, admission=admission)
        assert DRAINED < endless.received < DRAINED + 2_000


def test_a_body_that_declares_far_too_much_is_not_read() -> None:
    sender = Sender([b"x"])
    with pytest.raises(BodyError, match="at most 1000 bytes"):
        read(sender, [JSON, (b"content-length", b"%d" % (DRAINED + 1_001))])
    assert sender.received == 0


def test_bytes_that_are_held_are_bounded_and_given_back() -> None:
    admission = Admission(most_bytes=800)
    with pytest.raises(OverloadError, match="too many bytes"):
        read(Sender([bytes(500), bytes(400)]), admission=admission)
    assert admission.held_bytes == 0


def test_a_slow_sender_is_cut_off_and_one_that_leaves_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_reader, "BODY_SECONDS", 0.05)
    with pytest.raises(BodyError, match="did not arrive within 0 seconds") as wrong:
        read(Sender([b"a"], is_slow=True))
    assert (wrong.value.status, wrong.value.headers) == (408, {"connection": "close"})
    with pytest.raises(ClientDisconnect, match=r"^$"):
        read(Sender([b"a"], leaves=True))


def test_headers_that_may_come_twice_contradict_nothing() -> None:
    assert find_repeated([JSON, (b"accept", b"a"), (b"accept", b"b")]) is None
