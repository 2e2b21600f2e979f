"""From an address to the folder of copies, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError
from pipelines.remote.mirror import MARK
from pipelines.remote.opening import by_address, mirror_of, open_address
from pipelines.workspace import Workspace


def test_an_address_has_one_private_folder_that_knows_it(address: str, tmp_path: Path) -> None:
    folder = open_address(address)
    assert open_address(f"{address}/") == folder != open_address(f"{address}/below")
    assert folder.parent == tmp_path / "cache" and folder.stat().st_mode & 0o077 == 0
    mirror = mirror_of(folder)
    assert mirror is not None and mirror is mirror_of(folder) and mirror.address == address
    assert Workspace(folder).address == address and Workspace(folder).identity == mirror.identity
    assert by_address(f"{folder}/lake is damaged") == f"{address}/lake is damaged"


def test_a_folder_of_its_own_is_no_copy(tmp_path: Path) -> None:
    assert mirror_of(tmp_path) is None
    assert Workspace(tmp_path).address == str(tmp_path)


def test_a_store_that_cannot_be_used_leaves_no_folder(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no bucket other-bucket at "):
        open_address("s3://other-bucket/x")
    assert not (tmp_path / "cache").exists()


def test_a_folder_whose_mark_is_damaged_is_to_be_removed(address: str, set_variables: Callable[..., None]) -> None:
    folder = open_address(address)
    (folder / MARK).write_text("{")
    set_variables()
    with pytest.raises(IntegrityError, match="is damaged: remove its folder, which has copies only"):
        open_address(address)
