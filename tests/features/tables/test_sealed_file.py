"""Sealed files: a changed one is refused, and a kill while one is replaced harms nothing."""

from pathlib import Path

import pytest

from features.errors import IntegrityError
from features.tables.sealed_file import check_sealed, remove_sealed, replace_sealed


def put(path: Path, content: str) -> None:
    draft = path.with_name("draft")
    draft.write_text(content)
    replace_sealed(draft, path)


def test_a_changed_file_is_refused_and_a_replaced_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content in ("one", "two, which is longer"):
        put(path, content)
        check_sealed(path)
        assert path.read_text() == content
    path.write_text("twq, which is longer")
    with pytest.raises(IntegrityError, match="f is damaged: remove it, and what it holds is computed again"):
        check_sealed(path)
    remove_sealed(path)
    check_sealed(path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_seal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    put(path, "one")
    (tmp_path / ".f.sha256").write_bytes(b"\xff" * 64)
    with pytest.raises(IntegrityError, match="is damaged"):
        check_sealed(path)


@pytest.mark.parametrize("moment", ["before the file is replaced", "after it"])
def test_a_kill_leaves_a_file_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    path, whole = tmp_path / "f", Path.replace
    put(path, "one")

    def killed(self: Path, target: Path) -> Path:
        if self.name == "draft" and moment.startswith("before"):
            raise KeyboardInterrupt("killed")
        done = whole(self, target)
        if self.name == "draft":
            raise KeyboardInterrupt("killed")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt, match="killed"):
            put(path, "two")
    check_sealed(path)
    assert path.read_text() == ("one" if moment.startswith("before") else "two")


def test_a_file_of_an_older_release_has_no_seal_and_passes(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    check_sealed(tmp_path / "f")
    check_sealed(tmp_path / "absent")
