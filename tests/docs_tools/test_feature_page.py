"""The page of features."""

from docs_tools.documents import DOCS
from docs_tools.feature_page import page
from features.catalogue import FEATURE_NAMES


def test_the_page_in_the_docs_is_the_one_of_these_features() -> None:
    assert (DOCS / "features.md").read_text(encoding="utf-8") == page(), "run `python -m docs_tools features-page`"


def test_every_feature_is_on_the_page_once() -> None:
    assert all(page().count(f"| `{name}` |") == 1 for name in FEATURE_NAMES)
