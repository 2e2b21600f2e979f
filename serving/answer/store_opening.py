"""Opening the online store, checked by one read."""

import logging
from pathlib import Path

from features.errors import InputError, StillwatchError
from features.store.lookup import FeatureLookup

STORE_SECONDS = 0.5
"""How long the store may be silent. A busy machine was silent for a tenth of a second in a quarter of the calls. Twice
as long, calls wait twice as long for a store that hangs."""

PROBE = "\u0000readiness"
"""An account id that cannot occur, for asking whether the store answers."""

log = logging.getLogger("stillwatch.serve")


def open_store(folder: Path | None, online_store: str, seconds: float = STORE_SECONDS) -> FeatureLookup:
    """Open the online store and read from it once.

    Raises:
        InputError: no store is set, nothing was ever brought online, or it can't be read.
    """
    if folder is None:
        raise InputError("the service has no feature store: pass --arg store=DIR to bentoml serve")
    lookup = FeatureLookup(folder, online_store, seconds)
    try:
        lookup.online([PROBE])
        if lookup.marker() is None:
            raise InputError("nothing was ever brought online")
    except Exception as error:
        kind = "sqlite" if online_store == "sqlite" else "Redis"
        raise InputError(
            f"the online store ({kind}) of {folder} can't be read ({type(error).__name__}): "
            "run `stillwatch build` first, or check --arg store"
        ) from error
    return lookup


def reopen_store(folder: Path | None, online_store: str, seconds: float = STORE_SECONDS) -> FeatureLookup:
    """Open the store, which was checked before the port was opened; a worker that starts anew does without it too."""
    try:
        return open_store(folder, online_store, seconds)
    except StillwatchError as error:
        if folder is None:
            raise
        log.error("stillwatch answers without its store for now: %s", error)
        return FeatureLookup(folder, online_store, seconds)
