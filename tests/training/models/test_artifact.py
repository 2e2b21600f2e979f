"""The folder of a model: copied to the byte, with its version beside it."""

from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError
from training.models.artifact import (
    assemble_files,
    copy_model,
    read_files,
    read_signature,
    read_version,
    version_file,
    write_files,
)

FILES = assemble_files(b"tree\n", b"{}\n")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(FILES | {"model.sig": b"signed"}, tmp_path / "model")
    return tmp_path / "model"


def test_a_copy_is_the_same_to_the_byte_and_knows_its_version(folder: Path, tmp_path: Path) -> None:
    copy_model(folder, tmp_path / "elsewhere" / "champion", "12")
    assert content(tmp_path / "elsewhere" / "champion") == content(folder)
    assert read_version(tmp_path / "elsewhere" / "champion") == "12"
    assert read_version(folder) == "unregistered"


def test_a_copy_takes_no_other_models_place(folder: Path, tmp_path: Path) -> None:
    copy_model(folder, tmp_path / "champion", "12")
    with pytest.raises(InputError, match="exists and is not empty"):
        copy_model(folder, tmp_path / "champion", "13")
    assert read_version(tmp_path / "champion") == "12"


@pytest.mark.parametrize("text", ["", "a b", "../3", "v" * 65, "3\n4"])
def test_a_version_that_is_no_name_is_refused(folder: Path, text: str) -> None:
    version_file(folder).write_text(text)
    with pytest.raises(IntegrityError, match=r"model\.version holds no version"):
        read_version(folder)


def test_what_is_proven_are_the_bytes_that_are_given_back(folder: Path) -> None:
    proven: list[object] = []
    files = read_files(folder, lambda *arguments: proven.append(arguments))
    assert proven == [(FILES, b"signed", folder)]
    assert files == {name: FILES[name] for name in ("booster.txt", "label.json")}


def test_without_anything_to_prove_a_signature_is_let_lie(folder: Path) -> None:
    assert read_signature(folder) == b"signed"
    assert read_files(folder)["booster.txt"] == b"tree\n"


def test_a_changed_file_is_told_by_its_sum_before_its_signature_is_asked_for(folder: Path) -> None:
    (folder / "booster.txt").write_bytes(b"other\n")
    with pytest.raises(IntegrityError, match=r"booster\.txt was changed"):
        read_files(folder, lambda *arguments: pytest.fail("asked"))


def test_a_folder_in_the_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "label.json").unlink()
    (folder / "label.json").mkdir()
    with pytest.raises(IntegrityError, match=r"label\.json is missing"):
        read_files(folder)
