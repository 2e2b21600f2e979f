"""The audit log of commands that change what is served or erase what is stored: what was begun, and what came of it."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from features.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from serving.access.audit import AuditLog


@contextmanager
def audited(log: "AuditLog", command: str, **details: object) -> Iterator[dict[str, object]]:
    """Note that a command begins, and how it ends; what cannot be noted is not begun.

    Args:
        log: of the workspace.
        command: its name.
        details: what it is asked for; accounts by their pseudonyms.

    Yields:
        Details of the end, which the block adds to.

    Raises:
        InputError: the log can't be written.
    """
    by = {"user": _user()}
    try:
        log.append(f"{command} begun", "command", datetime.now(UTC), **by, **details)
    except OSError as error:
        raise InputError(
            f"the audit log {log.path} can't be written ({error.strerror}), so {command} was not begun: make room, or "
            "correct its permissions."
        ) from error
    except IntegrityError as error:
        raise InputError(f"{error} {command} was not begun.") from error
    outcome: dict[str, object] = {}
    try:
        yield outcome
    except BaseException as error:
        log.append(f"{command} failed", "command", datetime.now(UTC), **by, error=type(error).__name__)
        raise
    log.append(f"{command} done", "command", datetime.now(UTC), **by, **outcome)


def _user() -> str:
    """The name of who runs the command, or the number of a user that has none, as in a container."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
