"""Sessions: kept by the server, named by a random token of which the database holds only the digest."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from console.database.store import ConsoleStore
from console.database.tables import sessions, users
from console.people.users import User

IDLE = timedelta(hours=2)
"""A session without a call ends; doubled, a browser left open stays open for half a day."""
LONGEST_SESSION = timedelta(hours=12)
"""A working day; then the password is asked for again."""
_TOUCH = timedelta(minutes=1)  # a session's last call is noted no more often


@dataclass(frozen=True)
class Visitor:
    """Who calls.

    Attributes:
        user: signed in and active.
        csrf: the token that each change must show.
    """

    user: User
    csrf: str


class LoginSessions:
    """The sessions of a database.

    Args:
        store: the database.
    """

    def __init__(self, store: ConsoleStore) -> None:
        self._store = store

    def open(self, user: User, now: datetime) -> str:
        """Begin a session under a new token, whatever the browser showed before, and return the token."""
        token = secrets.token_urlsafe(32)
        values = {"token_digest": _digest(token), "user_id": user.id, "csrf": secrets.token_urlsafe(32)}
        with self._store.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.created_at < now - LONGEST_SESSION))
            connection.execute(sessions.insert().values(**values, created_at=now, seen_at=now))
        return token

    def visitor(self, token: str, now: datetime) -> Visitor | None:
        """Return who a token's session belongs to; None if it has ended, or the user was disabled."""
        if not token:
            return None
        query = select(sessions, users).join(users, users.c.id == sessions.c.user_id)
        columns = query.with_only_columns(
            sessions.c.csrf, sessions.c.seen_at, sessions.c.created_at.label("begun_at"), users
        )
        with self._store.reading() as connection:
            row = connection.execute(columns.where(sessions.c.token_digest == _digest(token))).one_or_none()
        if row is None or not row.is_active or now >= row.begun_at + LONGEST_SESSION or now >= row.seen_at + IDLE:
            return None
        if now > row.seen_at + _TOUCH:
            with self._store.writing() as connection:
                touched = update(sessions).where(sessions.c.token_digest == _digest(token))
                connection.execute(touched.values(seen_at=now))
        user = User(row.id, row.name, row.role, row.is_active, row.created_at)
        return Visitor(user, row.csrf)

    def close(self, token: str) -> None:
        """End a session."""
        with self._store.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.token_digest == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
