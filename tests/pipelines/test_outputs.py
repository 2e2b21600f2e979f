"""Output files: whole or not at all, and refused before any work where they can't be written."""

import os
import resource
import tempfile
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError
from pipelines.outputs import check_output_folder, check_outputs, write_folder, write_table

FRAME = pl.DataFrame({"a": [1, 2]})


def test_paths_that_can_be_written_are_accepted_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "old.parquet").touch()
    outputs = {"--out": tmp_path / "old.parquet", "--table": tmp_path / "new" / "t.parquet", "--evidence": None}
    check_outputs(outputs)
    assert [path.name for path in tmp_path.iterdir()] == ["old.parquet"]


def test_two_names_of_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    outputs = {"--out": tmp_path / "folder" / "o", "--table": tmp_path / "link" / "o"}
    with pytest.raises(InputError, match=r"--out and --table are both .*: give each a file of its own"):
        check_outputs(outputs)


def test_the_longest_name_that_is_allowed_can_be_written(tmp_path: Path) -> None:
    out = tmp_path / ("n" * 255)
    check_outputs({"--out": out})
    write_table(FRAME, out)
    assert pl.read_parquet(out).equals(FRAME)
    with pytest.raises(InputError, match=r"can't be written .File name too long.: choose another --table"):
        check_outputs({"--table": tmp_path / ("n" * 256)})


def test_a_link_stays_a_link_to_the_file_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_table(FRAME, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert pl.read_parquet(tmp_path / "target").equals(FRAME)


def test_no_draft_is_left_of_a_table_for_which_the_disk_has_no_room(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # stands in for a full disk, which needs a mount
    try:
        with pytest.raises(pl.exceptions.PolarsError, match="too large"):
            write_table(pl.DataFrame({"a": range(10_000)}), tmp_path / "o")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_not_be_written_after_all_is_named_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/o can't be written .*: choose another --evidence"):
        write_table(FRAME, tmp_path / "file" / "o", "--evidence")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_whole_and_its_private_part_is_its_owners(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "revealed").mkdir()
        for name in ("shared", "revealed/private"):
            (folder / name).write_text(name)

    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "below" / "new"):
        check_output_folder(out)
        write_folder(out, write)
        modes = {str(path.relative_to(out)): path.stat().st_mode & 0o777 for path in (out, *out.rglob("*"))}
        assert modes == {".": 0o755, "shared": 0o644, "revealed": 0o700, "revealed/private": 0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below", "empty"]


def test_a_folder_whose_writing_breaks_off_is_not_there(tmp_path: Path) -> None:
    def break_off(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"out can't be written .No space left on device.: choose another --out"):
        write_folder(tmp_path / "out", break_off)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_to_is_one_sentence() -> None:
    """Root may write everywhere, so a user to whom permissions apply asks."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(InputError, match=r"out can't be written .Permission denied.: choose another --out"):
                write_folder(Path(parent) / "out", lambda folder: None)
        finally:
            os.seteuid(user)


def test_a_folder_that_holds_something_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="holds something already: give --out the name of a new or empty folder"):
        check_output_folder(tmp_path)
    with pytest.raises(InputError, match="is a file: give --out the name of a new or empty folder"):
        check_output_folder(tmp_path / "file")
