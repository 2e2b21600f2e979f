"""Erasing accounts from the database: their rows go, and other texts name them no more."""

import json
import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Column, Connection, String, Table, Text, delete, or_, select, update

from console.database.store import ConsoleStore
from console.database.tables import metadata, standings

_OF_ACCOUNT = ("account_id", "item_id")
_ERASED = "[erased]"
_WORD = "[0-9A-Za-z_-]"  # what a longer id goes on with


def erase_from_console(store: ConsoleStore, accounts: Sequence[str]) -> int:
    """Remove accounts, and return how many rows lost one or went."""
    with store.writing() as connection:
        rows = sum(_erase_from(connection, table, accounts) for table in _tables())
    if store.is_sqlite:  # what was deleted also leaves the file, and the log beside it
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return rows


def _tables() -> Iterator[Table]:
    """All tables, those that refer to others first."""
    yield standings
    yield from (table for table in reversed(metadata.sorted_tables) if table is not standings)


def _erase_from(connection: Connection, table: Table, accounts: Sequence[str]) -> int:
    gone = 0
    for name in _OF_ACCOUNT:
        if name in table.c:
            gone += connection.execute(delete(table).where(table.c[name].in_(accounts))).rowcount
    texts = [column for column in table.c if isinstance(column.type, Text | String) and column.name not in _OF_ACCOUNT]
    written = {form for account in accounts for form in (account, json.dumps(account)[1:-1])}
    return gone + sum(_reword(connection, table, texts, form) for form in written if texts)


def _reword(connection: Connection, table: Table, texts: Sequence[Column[str]], account: str) -> int:
    """Put a word in the place of an account in every text that names it."""
    keys = list(table.primary_key.columns)
    naming = select(*keys, *texts).where(or_(*(column.contains(account, autoescape=True) for column in texts)))
    pattern = re.compile(rf"(?<!{_WORD}){re.escape(account)}(?!{_WORD})")
    changed = 0
    for row in connection.execute(naming).all():
        values = {column.name: pattern.sub(_ERASED, row._mapping[column]) for column in texts if row._mapping[column]}
        if any(row._mapping[table.c[name]] != value for name, value in values.items()):
            same = [key == row._mapping[key] for key in keys]
            connection.execute(update(table).where(*same).values(**values))
            changed += 1
    return changed
