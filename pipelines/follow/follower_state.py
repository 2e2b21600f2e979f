"""What a follower tells its web process of itself: a small file that is replaced at every turn."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

JOURNAL = "journal"  # the folder of a workspace
_STATE = "follow.json"
_CURRENT_SECONDS = 60.0  # a follower that is behind by more does not keep scores current


@dataclass(frozen=True)
class FollowerState:
    """Counts since the start, and times in seconds since 1970.

    Attributes:
        as_of: the time up to which all that was accepted is online; 0 for none.
        accounts: accounts brought online.
        repeats: events that were there already.
        regrouped: the time of the last grouping of all accounts that was brought online; 0 for none.
        waiting: events that are not in the lake yet.
        waiting_accounts: accounts that something is new of which is not online yet.
        seconds: how long the last refresh took.
        failures: refreshes that failed.
        grouping_failures: groupings of all accounts that failed.
        store_failures: stores that were put off, as another command wrote.
    """

    as_of: float = 0.0
    accounts: int = 0
    repeats: int = 0
    regrouped: float = 0.0
    waiting: int = 0
    waiting_accounts: int = 0
    seconds: float = 0.0
    failures: int = 0
    grouping_failures: int = 0
    store_failures: int = 0

    def is_current(self) -> bool:
        """Tell whether scores are kept current."""
        return time.time() - self.as_of < _CURRENT_SECONDS


def write_state(root: Path, state: FollowerState) -> None:
    """Replace the file."""
    draft = root / f".{_STATE}.{os.getpid()}.draft"
    draft.write_text(json.dumps(asdict(state)))
    draft.replace(root / _STATE)


def read_state(root: Path) -> FollowerState:
    """Read the file; where there is none, or something else, nothing was refreshed yet."""
    try:
        return FollowerState(**json.loads((root / _STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return FollowerState()
