"""Opening the online store, checked by one read."""

from pathlib import Path

from features.errors import InputError
from features.store.lookup import FeatureLookup

PROBE = "\u0000readiness"
"""An account id that cannot occur, for asking whether the store answers."""


def open_store(store: Path | None, online: str) -> FeatureLookup:
    """Open the online store and read from it once.

    Args:
        store: folder of the feature store.
        online: `sqlite` or a Redis address.

    Raises:
        InputError: no store is set, nothing was ever brought online, or it can't be read.
    """
    if store is None:
        raise InputError("the service has no feature store: pass --arg store=DIR to bentoml serve")
    try:
        lookup = FeatureLookup(store, online)
        if online == "sqlite" and lookup.materialized() is None:
            raise InputError("nothing was ever brought online")
        lookup.online([PROBE])
    except Exception as error:
        kind = "sqlite" if online == "sqlite" else "Redis"
        raise InputError(
            f"the online store ({kind}) of {store} can't be read ({type(error).__name__}): "
            "run `stillwatch build` first, or check --arg store"
        ) from error
    return lookup
