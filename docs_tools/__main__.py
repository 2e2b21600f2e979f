"""`python -m docs_tools NAME`: write one page or its pictures; without a name, list them all."""

import sys
from collections.abc import Sequence
from importlib import import_module

# Name -> module, whose `main` returns an exit status, and what it writes.
PAGES: dict[str, tuple[str, str]] = {
    "features-page": ("docs_tools.feature_page", "docs/features.md, from the contract rows of the features"),
    "overview": ("docs_tools.overview", "docs/overview.png, from the folder demo that stillwatch demo writes"),
    "screenshots": ("docs_tools.screenshots", "the pictures of pages in docs/, in a real browser"),
}


def main(arguments: Sequence[str]) -> int:
    """Write the page that is named."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(list_pages())
        return 0
    if len(arguments) > 1 or arguments[0] not in PAGES:
        print(f"docs_tools: there is no page {' '.join(arguments)!r}\n\n{list_pages()}", file=sys.stderr)
        return 2
    status: int = import_module(PAGES[arguments[0]][0]).main()
    return status


def list_pages() -> str:
    """Usage, and every name with what it writes."""
    rows = [f"  {name:<14} {about}" for name, (_, about) in PAGES.items()]
    return "\n".join(["usage: python -m docs_tools NAME", "", *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
