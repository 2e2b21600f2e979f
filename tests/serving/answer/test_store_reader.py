"""Reading the store beside the event loop: together, with a bounded wait, with a pause after failures."""

import asyncio
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from features.errors import IntegrityError
from features.store.lookup import FeatureLookup
from features.store.online_reader import Online
from serving.answer import store_reader
from serving.answer.store_opening import PROBE, open_store
from serving.answer.store_reader import (
    FAILURES,
    PAUSE_SECONDS,
    Breaker,
    StoreReader,
    UnavailableError,
)


class Gated(FeatureLookup):
    """A real store whose reads a test holds up, counts, or lets fail."""

    def online(self, account_ids: Sequence[str]) -> Online:
        hook: Callable[[Sequence[str]], None] = HOOKS[id(self)]
        hook(account_ids)
        return super().online(account_ids)


ASKED = (["fresh-0"], ["fresh-1", "nobody"], ["old-0", "fresh-1"])
HOOKS: dict[int, Any] = {}


def reader_with(store: Path, hook: Callable[[Sequence[str]], None]) -> StoreReader:
    lookup = Gated(store, "sqlite", 0.1)
    HOOKS[id(lookup)] = hook
    return StoreReader(lookup)


def test_calls_that_wait_are_read_together_and_each_gets_its_own(store: Path) -> None:
    reads: list[int] = []
    gate = threading.Event()

    def hook(ids: Sequence[str]) -> None:
        gate.wait(5)
        reads.append(len(ids))

    async def ask() -> list[store_reader.Looked]:
        reader = reader_with(store, hook)
        asked = [
            asyncio.create_task(reader.read(ids)) for ids in (["fresh-0"], ["fresh-1", "nobody"], ["old-0", "fresh-1"])
        ]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    assert sum(reads) <= 4 and len(reads) <= 2
    plain = FeatureLookup(store)
    for looked, ids in zip(answers, ASKED, strict=True):
        expected = plain.online(ids)
        assert looked.online.matrix.tobytes() == expected.matrix.tobytes()
        assert (looked.online.as_of, looked.troubles) == (expected.as_of, {})


def test_a_store_that_hangs_keeps_nobody_waiting_for_long(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_reader, "WAIT_SECONDS", 0.1)
    gate = threading.Event()

    async def ask() -> float:
        reader, begin = reader_with(store, lambda _: gate.wait(10) and None), time.monotonic()
        for _ in range(FAILURES + 5):
            with pytest.raises(UnavailableError, match="store_timeout"):
                await reader.read(["fresh-0"])
        took = time.monotonic() - begin
        gate.set()
        await asyncio.sleep(PAUSE_SECONDS)
        assert (await reader.read(["fresh-0"])).troubles == {}
        return took

    assert asyncio.run(ask()) < 0.1 * FAILURES + 0.4


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (IntegrityError("a"), "store_damaged"),
        (ConnectionError("a"), "store_unreachable"),
        (TimeoutError("a"), "store_timeout"),
    ],
)
def test_a_store_that_fails_is_named_and_asked_again_after_a_pause(
    store: Path, error: Exception, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing, reads = [True], []

    def hook(ids: Sequence[str]) -> None:
        reads.append(ids)
        if failing[0]:
            raise error

    async def ask() -> None:
        reader = reader_with(store, hook)
        for _ in range(20):
            with pytest.raises(UnavailableError, match=trouble):
                await reader.read(["fresh-0"])
        assert len(reads) == FAILURES
        assert not await reader.is_ready()
        failing[0] = False
        await asyncio.sleep(PAUSE_SECONDS)
        assert await reader.is_ready()
        assert (await reader.read(["fresh-0"])).troubles == {}

    asyncio.run(ask())
    assert caplog.text.count(f"can't be read ({type(error).__name__})") == FAILURES


def test_the_breaker_lets_one_call_through_in_each_pause() -> None:
    breaker = Breaker()
    for now in range(FAILURES):
        assert breaker.lets_through(float(now))
        breaker.note("store_timeout", float(now))
    last = float(FAILURES - 1)
    assert not breaker.lets_through(last + PAUSE_SECONDS / 2)
    assert breaker.lets_through(last + PAUSE_SECONDS)
    assert not breaker.lets_through(last + PAUSE_SECONDS)
    breaker.note(None, last + PAUSE_SECONDS)
    assert breaker.lets_through(last + PAUSE_SECONDS) and breaker.lets_through(last + PAUSE_SECONDS)


def test_a_locked_file_is_given_up_within_the_time_of_the_store(store: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(store, tmp_path / "copied"))
    reader = StoreReader(FeatureLookup(copied, "sqlite", 0.1))
    with closing(sqlite3.connect(copied / "online.db")) as database:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        with pytest.raises(TimeoutError, match="is locked"):
            reader.look(["fresh-0"])
        assert time.monotonic() - begin < 1.0
    assert reader.look(["fresh-0"]).troubles == {}


def test_a_store_that_was_never_filled_is_refused_before_a_port_is_opened(tmp_path: Path, store: Path) -> None:
    from features.errors import InputError

    with pytest.raises(InputError, match="can't be read"):
        open_store(tmp_path / "new", "sqlite")
    with pytest.raises(InputError, match="has no feature store"):
        open_store(None, "sqlite")
    assert open_store(store, "sqlite").online([PROBE]).as_of == [None]
