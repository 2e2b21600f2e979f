"""The console's database of a workspace."""

from collections.abc import Sequence
from pathlib import Path

from console.database.erasure import erase_from_console
from console.database.store import ConsoleStore, open_console_store, sqlite_url
from features.errors import InputError
from pipelines.settings import settings
from pipelines.workspace import Workspace


def console_store(workspace: Workspace) -> ConsoleStore:
    """Open the console's database: a file of the workspace, or what `STILLWATCH_CONSOLE_DATABASE` names.

    Raises:
        InputError: there is neither, since the workspace lies on an object store.
    """
    named = settings().console_database
    if named is None and workspace.mirror is not None:
        raise InputError(
            f"{workspace.address} can't hold the console's database, which changes with every click: set "
            "STILLWATCH_CONSOLE_DATABASE to a PostgreSQL database."
        )
    return open_console_store(named.get_secret_value() if named else sqlite_url(_own(workspace)))


def forget_in_console(workspace: Workspace, accounts: Sequence[str]) -> int:
    """Erase accounts from the console's database, if there is one; return how many rows lost one."""
    if settings().console_database is None and not _own(workspace).exists():
        return 0
    store = console_store(workspace)
    try:
        return erase_from_console(store, accounts)
    finally:
        store.close()


def _own(workspace: Workspace) -> Path:
    return workspace.root / "console" / "console.db"
