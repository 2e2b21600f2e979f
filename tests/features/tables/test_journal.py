"""A journal gives back what was acknowledged, and nothing else."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import IntegrityError
from features.tables.journal import Journal, Segment


def frame(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"number": numbers, "name": [str(number) * 50 for number in numbers]})


def rows(segments: list[Segment]) -> list[int]:
    return [number for segment in segments for part in segment.read() for number in part["number"]]


@pytest.fixture
def full(tmp_path: Path) -> Segment:
    """A segment of three entries."""
    journal = Journal(tmp_path / "journal")
    for numbers in ((1, 2), (3,), (4, 5, 6)):
        journal.append(frame(*numbers))
    journal.close_segment()
    (segment,) = journal.closed()
    return segment


def test_frames_come_back_in_order_over_all_segments(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(6):
        journal.append(frame(number, 10 + number))
        if number % 2:
            journal.close_segment()
    assert rows(journal.closed()) == rows(Journal(tmp_path).closed()) == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]
    assert len({segment.source for segment in journal.closed()}) == 3


def test_the_segment_that_is_appended_to_is_not_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(frame(1))
    assert journal.closed() == []
    journal.close_segment()
    journal.append(frame(2))
    assert rows(journal.closed()) == [1]


def test_after_a_kill_new_entries_go_into_a_segment_of_their_own(full: Segment) -> None:
    journal = Journal(full.path.parent)
    journal.append(frame(7))
    journal.close_segment()
    assert rows(journal.closed()) == [1, 2, 3, 4, 5, 6, 7]
    assert len(journal.closed()) == 2


def test_a_segment_that_is_forgotten_is_gone(full: Segment) -> None:
    journal = Journal(full.path.parent)
    journal.forget(journal.closed()[0])
    assert journal.closed() == Journal(full.path.parent).closed() == []


def test_nobody_else_can_read_the_files(full: Segment) -> None:
    assert full.path.stat().st_mode & 0o777 == 0o600
    assert full.path.parent.stat().st_mode & 0o777 == 0o700


@given(cut=st.integers(0, 5_000))
def test_a_segment_cut_anywhere_gives_its_whole_entries(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    journal, ends = Journal(folder), []
    for number in range(4):
        journal.append(frame(number))
        ends.append(next(folder.iterdir()).stat().st_size)
    journal.close_segment()
    (segment,) = journal.closed()
    size = cut % (ends[-1] + 1)
    os.truncate(segment.path, size)
    assert rows([segment]) == [number for number, end in enumerate(ends) if end <= size]


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_an_error(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("flip")
    journal = Journal(folder)
    for number in (1, 2, 3):
        journal.append(frame(number))
    journal.close_segment()
    (segment,) = journal.closed()
    content = bytearray(segment.path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    segment.path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"is damaged at byte|is no segment of a journal"):
        rows([segment])


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
    journal.close_segment()
    assert rows(journal.closed()) == [1, 3]
