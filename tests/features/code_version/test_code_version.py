from pathlib import Path

import pytest

from features import code_version as package
from features.code_version import code_version


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The version of `features.a`, which imports `features.b`, beside a word table; after a change of one file."""
    files = {"__init__.py": "", "a.py": "from features.b import f\n", "b.py": "def f():\n    return 1\n", "c.py": ""}
    (tmp_path / "features").mkdir()
    for name, text in (files | {"words.parquet": "1"}).items():
        (tmp_path / "features" / name).write_text(text)
    monkeypatch.setattr(package, "CODE_ROOT", tmp_path)

    def changed(name: str | None = None, text: str = "") -> str:
        if name:
            (tmp_path / "features" / name).write_text(text)
        code_version.cache_clear()
        return code_version("features.a")

    yield changed
    code_version.cache_clear()


def test_a_change_of_a_module_far_down_is_another_version(version) -> None:
    assert version() != version("b.py", "def f():\n    return 2\n")


def test_a_change_of_a_data_file_is_another_version(version) -> None:
    assert version() != version("words.parquet", "2")


def test_comments_docstrings_and_layout_change_nothing(version) -> None:
    assert version() == version("b.py", '"""What b is."""\n\n\ndef f():\n    "One."\n    # why\n    return (1)\n')


def test_what_is_not_imported_changes_nothing(version) -> None:
    assert version() == version("c.py", "x = 1\n")


def test_the_release_of_a_library_counts(version, monkeypatch: pytest.MonkeyPatch) -> None:
    version("b.py", "import numpy\n")
    before = version()
    monkeypatch.setattr(package, "installed_version", lambda name: "0.0.0")
    assert version() != before
