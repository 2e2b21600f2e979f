"""The mark of dropped events: nobody may be told other numbers because of them."""

import os
from datetime import datetime
from pathlib import Path

from features.errors import InputError, IntegrityError
from features.tables.sealed_file import is_sealed, replace_sealed

_MARK = "_events_from"


def mark_dropped(folder: Path, before: datetime) -> None:
    """Note that a table holds no events before a time any more; a later mark stays."""
    earlier = events_from(folder)
    draft = folder / f"_draft-{os.getpid()}.mark"
    draft.write_text(max(before, earlier or before).isoformat())
    replace_sealed(draft, folder / _MARK)


def check_held(folder: Path, hour: datetime, as_of: datetime) -> None:
    """Check that the events of the hour that a time falls in are there.

    Args:
        folder: of the table.
        hour: the begin of the hour.
        as_of: the time asked about; at the begin of an hour no event is needed, since rollups stay.

    Raises:
        InputError: they were dropped.
    """
    begin = events_from(folder)
    if begin is not None and hour < begin and as_of != hour:
        raise InputError(
            f"The events before {begin:%Y-%m-%dT%H:%M:%SZ} were dropped, so {as_of:%Y-%m-%dT%H:%M:%SZ} can't be asked "
            "about: ask about a full hour, of which the rollups are there."
        )


def events_from(folder: Path) -> datetime | None:
    """The time before which a table's events were dropped; None if none were."""
    path = folder / _MARK
    if not path.exists():
        return None
    damaged = IntegrityError(f"{path} is damaged: remove it and run the last `stillwatch prune --before` again.")
    if not is_sealed(path):
        raise damaged
    try:
        return datetime.fromisoformat(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged from error
