"""Claims: one analyst at a time works on an item of the queue."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError as DuplicateError

from console.database.store import ConsoleStore
from console.database.tables import claims, users
from console.errors import ConflictError
from console.people.users import User

CLAIM_TIME = timedelta(minutes=30)
"""Then an item that nobody decided is anybody's again; doubled, an analyst who left blocks it for an hour."""


def claim_item(store: ConsoleStore, kind: str, item_id: str, user: User, now: datetime) -> datetime:
    """Claim an item, or claim it for longer; return until when.

    Args:
        store: the database.
        kind: "account" or "campaign".
        item_id: of the item.
        user: who claims it.
        now: when.

    Raises:
        ConflictError: somebody else works on it.
    """
    own = and_(claims.c.kind == kind, claims.c.item_id == item_id)
    ends_at = now + CLAIM_TIME
    try:
        with store.writing() as connection:
            connection.execute(delete(claims).where(claims.c.ends_at <= now))
            longer = update(claims).where(own, claims.c.user_id == user.id).values(ends_at=ends_at)
            if not connection.execute(longer).rowcount:
                # the primary key lets one of two at once through
                connection.execute(insert(claims).values(kind=kind, item_id=item_id, user_id=user.id, ends_at=ends_at))
    except DuplicateError:
        with store.reading() as connection:
            holder = claim_holder(connection, kind, item_id, now)
        raise ConflictError(f"{holder or 'Somebody else'} works on this {kind}: take another one.") from None
    return ends_at


def release_item(store: ConsoleStore, kind: str, item_id: str, user: User) -> None:
    """Give an item back; nothing happens if somebody else has it."""
    with store.writing() as connection:
        own = and_(claims.c.kind == kind, claims.c.item_id == item_id, claims.c.user_id == user.id)
        connection.execute(delete(claims).where(own))


def claim_holder(connection: Connection, kind: str, item_id: str, now: datetime) -> str | None:
    """The name of who works on an item; None if nobody does."""
    own = and_(claims.c.kind == kind, claims.c.item_id == item_id, claims.c.ends_at > now)
    statement = select(users.c.name).join(claims, claims.c.user_id == users.c.id).where(own)
    name: str | None = connection.execute(statement).scalar_one_or_none()
    return name
