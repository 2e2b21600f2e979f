"""The database: SQLite in the workspace, or PostgreSQL; its schema is brought up to date when it is opened."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from features.errors import InputError

_SCRIPTS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 10  # a writer waits for another one; a fill of the picture holds SQLite for a second or two at a time
_MAPPED = 1 << 30  # bytes of the file that are read without a copy: joins of 100,000 accounts take half the time
DRIVERS = ("sqlite", "postgresql+psycopg")


@dataclass(frozen=True)
class ConsoleStore:
    """An open database.

    Attributes:
        engine: SQLAlchemy's; every use is one transaction (`begin`).
    """

    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        """Is it a file?"""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads one state of the database, while others may write."""
        with self.engine.connect().execution_options(is_writer=False) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is stored as a whole, or not at all."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """The address of a database file."""
    return f"sqlite:///{path.resolve()}"


def open_console_store(url: str) -> ConsoleStore:
    """Open the database, make its file (mode 0600) if it is missing, and bring its schema up to date.

    Args:
        url: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`.

    Raises:
        InputError: the address can't be used, or the schema is of a newer release.
    """
    engine = _engine(url)
    try:
        _upgrade(engine)
    except OperationalError as error:
        engine.dispose()
        raise InputError(
            f"the console's database {engine.url.render_as_string()} can't be used ({_first_line(error.orig)}): check "
            "that it runs, and its address, user and password."
        ) from error
    return ConsoleStore(engine)


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise InputError(_UNUSABLE) from error
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername=DRIVERS[1])
    if address.drivername not in DRIVERS:
        raise InputError(_UNUSABLE)
    if address.drivername != DRIVERS[0]:
        try:
            return create_engine(address, pool_pre_ping=True, pool_size=10)
        except ModuleNotFoundError as error:
            raise InputError("PostgreSQL needs the extra 'postgres': pip install 'stillwatch[postgres]'.") from error
    path = Path(address.database or "")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS}, pool_size=10)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


_UNUSABLE = (
    "STILLWATCH_CONSOLE_DATABASE is no address of a database: give postgresql://USER:PASSWORD@HOST/NAME or "
    "sqlite:///PATH."
)


def _prepare(connection: Any, _record: object) -> None:
    """Let readers go on while somebody writes, check references, and overwrite what is deleted."""
    connection.isolation_level = None  # SQLAlchemy begins and ends transactions, not the driver
    pragmas = ("journal_mode=WAL", "foreign_keys=ON", "secure_delete=ON", "synchronous=FULL", f"mmap_size={_MAPPED}")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    """Begin as a writer where the caller says so, so that what was read cannot change before it is written."""
    is_writer = connection.get_execution_options().get("is_writer", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        if not engine.url.drivername.startswith("sqlite"):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7355608)")  # two servers start at once
        from alembic.runtime.migration import MigrationContext

        stored = MigrationContext.configure(connection).get_current_revision()
        if stored is not None and stored not in {script.revision for script in newest.walk_revisions()}:
            raise InputError(
                f"the console's database has the schema {stored} of a newer release: use that release, or restore an "
                "older copy."
            )
        if stored == newest.get_current_head():
            return
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except SQLAlchemyError as error:
            raise InputError(f"the console's database can't be brought up to date: {_first_line(error)}.") from error


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
