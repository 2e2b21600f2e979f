"""The page of features."""

from docs_tools.documents import DOCS
from docs_tools.feature_page import feature_page
from features.catalogue import FEATURE_NAMES


def test_the_page_in_the_docs_is_the_one_of_these_features() -> None:
    stored = (DOCS / "features.md").read_text(encoding="utf-8")
    assert stored == feature_page(), "run `python -m docs_tools features-page`"


def test_every_feature_is_on_the_page_once() -> None:
    assert all(feature_page().count(f"| `{name}` |") == 1 for name in FEATURE_NAMES)
