"""Pages of docs/results/ with parts that measurements write, each between two marks that name it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
RESULTS = DOCS / "results"


def write_part(page: str, part: str, lines: Sequence[str]) -> None:
    """Replace what lies between `<!-- part -->` and `<!-- /part -->` of a page of results.

    The part begins with the commit that was measured, so that readers see whether the code has changed since.

    Raises:
        SystemExit: The page lacks the marks.
    """
    file, marks = RESULTS / page, (f"<!-- {part} -->", f"<!-- /{part} -->")
    text = file.read_text(encoding="utf-8")
    if any(mark not in text for mark in marks):
        raise SystemExit(f"{file} lacks the marks {' and '.join(marks)}")
    before, _, rest = text.partition(marks[0])
    after = rest.partition(marks[1])[2]
    body = ["", measured_at(), "", *lines, ""]
    file.write_text("\n".join([f"{before}{marks[0]}", *body, f"{marks[1]}{after}"]), encoding="utf-8")


def measured_at() -> str:
    """The sentence that names the commit of the working tree."""
    call = ["git", "describe", "--always", "--exclude=*", "--abbrev=7", "--dirty= with uncommitted changes"]
    answer = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    commit, _, changes = answer.stdout.strip().partition(" ")
    return f"Measured at commit `{commit or 'unknown'}`{' ' if changes else ''}{changes}."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
