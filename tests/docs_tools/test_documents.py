"""A measurement replaces its own part of a page of results, and says which commit it measured."""

from pathlib import Path

import pytest

from docs_tools import documents


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(documents, "RESULTS", tmp_path)
    return tmp_path


def test_a_part_is_replaced_and_nothing_else(results: Path) -> None:
    (results / "page.md").write_text("# Page\n\n<!-- a -->\nold\n<!-- /a -->\n\n<!-- b -->\nother\n<!-- /b -->\n")
    documents.write_part("page.md", "a", ["new"])
    text = (results / "page.md").read_text()
    assert text.startswith("# Page\n\n<!-- a -->\n\nMeasured at commit `")
    assert text.endswith(".\n\nnew\n\n<!-- /a -->\n\n<!-- b -->\nother\n<!-- /b -->\n")


def test_a_part_may_be_written_again(results: Path) -> None:
    (results / "page.md").write_text("<!-- a --><!-- /a -->\n")
    for _ in range(2):
        documents.write_part("page.md", "a", ["new"])
    assert (results / "page.md").read_text().count("new") == 1


def test_a_page_without_the_marks_is_refused(results: Path) -> None:
    (results / "page.md").write_text("<!-- a -->\n")
    with pytest.raises(SystemExit, match="lacks the marks <!-- a --> and <!-- /a -->"):
        documents.write_part("page.md", "a", ["new"])
