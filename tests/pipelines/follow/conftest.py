"""A small made-up world for tests of the follower, and workspaces under its key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.identity import Keyring
from pipelines.settings import settings
from pipelines.workspace import Workspace
from tests.features.conftest import AS_OF, SECRET, make_world

__all__ = ["AS_OF"]


@pytest.fixture(scope="session")
def world() -> Any:
    """8 accounts, 240 requests over 40 days up to `AS_OF`."""
    return make_world(Keyring(SECRET), 8, 240)


@pytest.fixture
def new_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workspace]:
    """Makes empty workspaces under the world's key."""
    monkeypatch.setenv("STILLWATCH_KEY", SECRET.hex())
    settings.cache_clear()

    def make(root: Path | None = None) -> Workspace:
        return Workspace(root or tmp_path_factory.mktemp("workspace"))

    return make
