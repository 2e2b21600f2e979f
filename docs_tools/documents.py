"""Pages of docs/ with parts that measurements write: each lies between two marks that name it."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write_part(page: str, part: str, lines: Sequence[str]) -> None:
    """Put the lines between `<!-- part -->` and `<!-- /part -->` of a page.

    Raises:
        SystemExit: the page lacks the marks.
    """
    file, marks = DOCS / page, (f"<!-- {part} -->", f"<!-- /{part} -->")
    text = file.read_text(encoding="utf-8")
    if any(mark not in text for mark in marks):
        raise SystemExit(f"{file} lacks the marks {' and '.join(marks)}")
    before, _, rest = text.partition(marks[0])
    after = rest.partition(marks[1])[2]
    file.write_text("\n".join([f"{before}{marks[0]}", "", *lines, "", f"{marks[1]}{after}"]), encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
