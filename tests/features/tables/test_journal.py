"""A journal gives back what was acknowledged, once, and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import IntegrityError
from features.tables.journal import Journal, JournalReader


def frame(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"number": numbers, "name": [str(number) * 50 for number in numbers]})


def numbers(frames: list[pl.DataFrame]) -> list[int]:
    return [number for part in frames for number in part["number"]]


def everything(folder: Path) -> list[int]:
    return numbers(JournalReader(folder).new())


@given(steps=st.lists(st.sampled_from(["append", "read", "close", "restart"]), max_size=25))
@settings(max_examples=50, deadline=None)
def test_a_reader_gets_each_entry_once_and_in_order(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal, reader = Journal(folder, is_synced=False), JournalReader(folder)
    sent, read = 0, []
    for step in steps:
        if step == "append":
            journal.append(frame(sent, sent + 1))
            sent += 2
        elif step == "read":
            read += numbers(reader.new())
        else:
            journal.close_segment()
            if step == "restart":
                journal = Journal(folder, is_synced=False)
    read += numbers(reader.new())
    assert read == everything(folder) == list(range(sent))


def test_only_segments_that_nobody_appends_to_are_closed(tmp_path: Path) -> None:
    journal, reader = Journal(tmp_path), JournalReader(tmp_path)
    journal.append(frame(1))
    assert reader.closed() == []
    journal.close_segment(older_than=3_600)
    assert reader.closed() == []
    journal.close_segment()
    journal.append(frame(2))
    (closed,) = reader.closed()
    assert numbers([part for part, _ in closed.read()]) == [1]
    reader.remove(closed)
    assert (reader.closed(), everything(tmp_path)) == ([], [2])
    assert 0 < reader.size() < 2_000


def test_sources_differ_between_segments(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(5):
        journal.append(frame(number))
        journal.close_segment()
    assert len({segment.source for segment in JournalReader(tmp_path).closed()}) == 5


WRITER = """
import sys, time
from pathlib import Path
import polars as pl
from features.tables.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append(pl.DataFrame({"number": [1]}))
print("appended", flush=True)
time.sleep(1.5)
journal.append(pl.DataFrame({"number": [2]}))
"""


def test_a_segment_is_taken_over_only_when_its_writer_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout and writer.stdout.readline() == b"appended\n"
        reader, begin = JournalReader(tmp_path), time.monotonic()
        reader.close_left()
        assert time.monotonic() - begin > 1
        assert numbers(reader.new()) == [1, 2]
        assert len(reader.closed()) == 1


def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    Journal(folder).append(frame(1))
    (path,) = folder.iterdir()
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


@given(cut=st.integers(0, 5_000))
@settings(deadline=None)
def test_a_segment_cut_anywhere_gives_its_whole_entries(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    journal, ends = Journal(folder, is_synced=False), []
    for number in range(4):
        journal.append(frame(number))
        ends.append(next(folder.iterdir()).stat().st_size)
    size = cut % (ends[-1] + 1)
    os.truncate(next(folder.iterdir()), size)
    assert everything(folder) == [number for number, end in enumerate(ends) if end <= size]


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(deadline=None)
def test_a_flipped_bit_is_an_error(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flip")
    journal = Journal(folder, is_synced=False)
    for number in (1, 2, 3):
        journal.append(frame(number))
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"is damaged before byte|is no segment of a journal"):
        everything(folder)


def test_what_could_not_be_written_is_not_there_and_the_next_entry_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append(frame(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left on device"):
            journal.append(frame(2))
    journal.append(frame(3))
    assert everything(tmp_path) == [1, 3]
