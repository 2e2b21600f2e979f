"""The audit log: a chain that shows where it was broken."""

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import IntegrityError
from serving.access.audit import AuditLog

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """Five entries."""
    filled = AuditLog(tmp_path / "audit" / "log.jsonl")
    for number in range(5):
        filled.append("reasons", "analyst", NOW, account=f"a{number}", größe="é")
    return filled


def test_entries_come_back_in_order(log: AuditLog) -> None:
    entries = list(log.entries())
    assert [entry["number"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["details"]["account"] for entry in entries] == ["a0", "a1", "a2", "a3", "a4"]  # type: ignore[index]
    assert log.verify().entries == 5
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_a_log_without_entries_is_whole(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "log").verify().entries == 0


@pytest.mark.parametrize("change", ["remove", "swap", "repeat", "edit", "put in"])
def test_a_change_is_found_where_it_was_made(log: AuditLog, change: str) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    changed = {
        "remove": lines[:2] + lines[3:],
        "swap": [*lines[:2], lines[3], lines[2], lines[4]],
        "repeat": [*lines[:3], *lines[2:]],
        "edit": [*lines[:2], lines[2].replace(b"a2", b"a9"), *lines[3:]],
        "put in": [*lines[:2], b'{"number": 3}\n', *lines[2:]],
    }
    log.path.write_bytes(b"".join(changed[change]))
    with pytest.raises(IntegrityError, match=f"is broken at line {4 if change == 'repeat' else 3}"):
        log.verify()


@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_breaks_the_chain(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    log = AuditLog(tmp_path_factory.mktemp("audit") / "log")
    for number in range(3):
        log.append("reasons", "analyst", NOW, account=number)
    content = bytearray(log.path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    log.path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is broken at line"):
        log.verify()


def test_lines_that_were_cut_off_show_in_the_last_digest(log: AuditLog) -> None:
    whole = log.verify()
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:-1]))
    assert log.verify() != whole


def test_what_a_kill_left_half_written_is_cut_off_at_the_next_entry(log: AuditLog) -> None:
    size = log.path.stat().st_size
    log.append("reasons", "analyst", NOW, account="killed")
    os.truncate(log.path, size + 20)
    log.append("reasons", "analyst", NOW, account="next")
    assert [entry["details"]["account"] for entry in log.entries()][-2:] == ["a4", "next"]  # type: ignore[index]


def test_an_account_has_one_pseudonym_in_one_log_and_another_in_another(log: AuditLog, tmp_path: Path) -> None:
    again, other = AuditLog(log.path), AuditLog(tmp_path / "other.jsonl")
    assert log.pseudonym("a1") == again.pseudonym("a1") != log.pseudonym("a2")
    assert other.pseudonym("a1") != log.pseudonym("a1")
    assert log.path.with_suffix(".salt").stat().st_mode & 0o777 == 0o600


def test_an_entry_may_be_long(log: AuditLog) -> None:
    for size in (1, 10_000, 100_000, 1):
        log.append("reasons", "analyst", NOW, accounts=["a" * 50] * size)
    assert log.verify().entries == 9


def _append(path: Path, who: int) -> None:
    for number in range(20):
        AuditLog(path).append("reasons", f"process {who}", NOW, number=number)


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with ProcessPoolExecutor(4) as processes:
        list(processes.map(_append, [path] * 4, range(4)))
    assert AuditLog(path).verify().entries == 80
