"""Each family of features has contract rows, a read-out and a test, and both lists know it."""

import re
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from features.accounts import READ_OUTS
from features.catalogue import FAMILIES, FEATURES

ROOT = Path(__file__).resolve().parent.parent.parent.parent
# The folder of each file of a family, and what tells this file from its neighbours.
FILES = {
    "features/catalogue": re.compile(r"^FEATURES = ", re.MULTILINE),
    "features/families": re.compile(r"^def read_out\(", re.MULTILINE),
    "tests/features/families": re.compile(r"^def test_", re.MULTILINE),
}
NO_FAMILIES = {"fixed_point", "history", "key_counts", "families"}  # what read-outs are made of, and this test


def missing(root: Path, listed: Collection[str], read_out: Collection[str]) -> list[str]:
    """Name every place that lacks a family which another place has."""
    names_of = {"features.catalogue.FAMILIES": set(listed), "features.accounts.READ_OUTS": set(read_out)}
    for folder, mark in FILES.items():
        files = [path for path in (root / folder).glob("*.py") if mark.search(path.read_text(encoding="utf-8"))]
        names_of[folder] = {path.stem.removeprefix("test_") for path in files} - NO_FAMILIES
    families = set().union(*names_of.values())
    return sorted(f"{where} lacks {name}" for where, names in names_of.items() for name in families - names)


def test_lists_and_files_of_families_agree() -> None:
    assert missing(ROOT, FAMILIES, READ_OUTS) == []


@pytest.mark.parametrize("file", ["features/catalogue/worst.py", "features/families/worst.py"])
def test_a_missing_file_of_a_family_is_named(tmp_path: Path, file: str) -> None:
    for folder in FILES:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / file).unlink()
    assert missing(tmp_path, FAMILIES, READ_OUTS) == [f"{Path(file).parent} lacks worst"]


def test_a_family_without_a_test_or_out_of_a_list_is_named(tmp_path: Path) -> None:
    for folder in FILES:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "tests/features/families/test_worst.py").unlink()
    assert missing(tmp_path, set(FAMILIES) - {"volume"}, set(READ_OUTS) - {"rhythm"}) == [
        "features.accounts.READ_OUTS lacks rhythm",
        "features.catalogue.FAMILIES lacks volume",
        "tests/features/families lacks worst",
    ]


def test_features_stand_in_the_order_of_their_families() -> None:
    assert list(dict.fromkeys(feature.family for feature in FEATURES)) == list(FAMILIES)
    assert sum(map(len, FAMILIES.values())) == len(FEATURES)
