"""The web process' side of the journal."""

from pathlib import Path
from typing import Any

import pytest

from features.tables.journal import Journal, JournalReader
from pipelines.follow import web
from pipelines.follow.web import BehindError, JournalWriter


def writer(folder: Path, store_seconds: float = 3_600) -> JournalWriter:
    return JournalWriter(Journal(folder, is_synced=False), JournalReader(folder), store_seconds)


def test_no_more_events_are_taken_while_too_many_wait_for_the_lake(
    tmp_path: Path, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_LOOK_SECONDS", 0.0)
    taking = writer(tmp_path)
    taking.accept(world.events[:100])
    monkeypatch.setattr(web, "MOST_WAITING", 1_000)
    with pytest.raises(BehindError, match="too many events wait to be stored: send these again later"):
        taking.accept(world.events[100:])
    reader = JournalReader(tmp_path)
    taking.journal.close_segment()
    assert sum(map(len, reader.new())) == 100
    reader.remove(reader.closed()[0])
    taking.accept(world.events[100:])
    assert sum(map(len, reader.new())) == len(world.events) - 100


def test_a_segment_is_closed_when_it_is_old_enough(tmp_path: Path, world: Any) -> None:
    taking = writer(tmp_path, store_seconds=0.0)
    for begin in (0, 50, 100):
        taking.accept(world.events[begin : begin + 50])
    assert len(JournalReader(tmp_path).closed()) == 2
    taking.close_old()
    assert len(JournalReader(tmp_path).closed()) == 3
