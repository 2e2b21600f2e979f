"""The database: private, migrated, the same on SQLite and PostgreSQL."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from console.database.store import ConsoleStore, open_console_store, sqlite_url
from console.database.tables import metadata
from features.errors import InputError


def test_the_file_is_its_owners_alone_and_the_steps_lead_to_the_tables(store: ConsoleStore, tmp_path: Path) -> None:
    assert (tmp_path / "console" / "console.db").stat().st_mode & 0o777 == 0o600
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_a_newer_release_is_refused(store: ConsoleStore, tmp_path: Path) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="newer release"):
        open_console_store(sqlite_url(tmp_path / "console" / "console.db"))


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql://127.0.0.1:1/none"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InputError, match=r"console's database|CONSOLE_DATABASE"):
        open_console_store(url)
