"""The way to Feast: the library itself, imported late and without what makes its import slow."""

import logging
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any
from unittest.mock import patch

Decorator = Callable[..., Any]
_LATE = (
    "feast.infra.offline_stores.duckdb",
    "feast.infra.online_stores.redis",
    "feast.infra.online_stores.sqlite",
    "feast.infra.passthrough_provider",
    "feast.infra.registry.file",
    "feast.repo_operations",
    "features.store.definitions",
)
"""What is loaded, by its name, when a store is opened."""


def import_feast() -> Any:
    """Feast, quiet and with telemetry off.

    Its classes are decorated with typeguard's run-time type checks, which parse their own source at every import: two
    thirds of the seconds that it takes. What this project passes to them mypy has checked.
    """
    os.environ.setdefault("FEAST_USAGE", "False")
    with patch("typeguard.typechecked", _leave):
        import feast

    logging.getLogger("feast").setLevel(logging.ERROR)
    return feast


def import_store() -> None:
    """Import all that reading an online store needs, in a process whose forks shall read at once."""
    import_feast()
    for name in _LATE:
        import_module(name)


def _leave(target: Decorator | None = None, **settings: Any) -> Decorator:  # noqa: ARG001
    """A decorator, with or without settings, that leaves what it decorates as it is."""
    return target or _leave
