"""The seal of a log: a changed file is refused, a younger one is not."""

from pathlib import Path

import pytest

from features.errors import IntegrityError
from features.tables.log_seal import LOG, check_log, seal_log


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with a sealed log of two versions."""
    (tmp_path / LOG).mkdir()
    for version in (0, 1):
        (tmp_path / LOG / f"{version:020d}.json").write_text(f"version {version}")
    (tmp_path / LOG / "_last_checkpoint").write_text("1")
    seal_log(tmp_path)
    check_log(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [f"{0:020d}.json", f"{1:020d}.json"])
def test_a_changed_file_is_refused(table: Path, name: str) -> None:
    (table / LOG / name).write_text("version x")
    with pytest.raises(IntegrityError, match=rf"{name} is damaged: restore the table's folder"):
        check_log(table)


def test_what_a_kill_left_unsealed_is_let_pass_and_sealed_with_the_next_commit(table: Path) -> None:
    for name in (f"{1:020d}.checkpoint.parquet", f"{2:020d}.json"):
        (table / LOG / name).write_text("new")
    check_log(table)
    seal_log(table)
    (table / LOG / f"{2:020d}.json").write_text("neu")
    with pytest.raises(IntegrityError, match="is damaged"):
        check_log(table)


def test_a_file_that_was_dropped_since_is_not_missed(table: Path) -> None:
    (table / LOG / f"{0:020d}.json").unlink()
    check_log(table)


def test_a_damaged_seal_is_refused_and_a_log_without_one_is_let_pass(table: Path) -> None:
    (table / "_seal.json").write_text("[")
    with pytest.raises(IntegrityError, match=r"_seal.json is damaged"):
        check_log(table)
    (table / "_seal.json").unlink()
    check_log(table)
