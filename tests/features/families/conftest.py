"""What the tests of the families share."""

from collections.abc import Callable

import pytest

from features.catalogue import FEATURES


@pytest.fixture(scope="session")
def names_of() -> Callable[[str], list[str]]:
    """Names of a family's features, in contract order."""
    return lambda family: [feature.name for feature in FEATURES if feature.family == family]
