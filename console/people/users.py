"""Users of the console: made, changed and disabled by command; who signs in is checked here."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError as DuplicateError

from console.database.store import ConsoleStore
from console.database.tables import sessions, users
from console.people.passwords import USUAL_COST, ScryptCost, hash_password, is_password
from console.people.roles import ROLES
from features.errors import InputError

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")
MOST_WRONG = 5
"""Wrong passwords after which a user waits. Doubled, a guesser has twice the tries a day (1,440 of them)."""
WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    Attributes:
        id: number.
        name: unique.
        role: a key of `console.people.roles.ROLES`.
        is_active: False once disabled.
        created_at: when.
    """

    id: int
    name: str
    role: str
    is_active: bool
    created_at: datetime


class UserBook:
    """The users of a database.

    Args:
        store: the database.
        cost: of new passwords.
    """

    def __init__(self, store: ConsoleStore, cost: ScryptCost = USUAL_COST) -> None:
        self._store, self._cost = store, cost

    def all(self) -> list[User]:
        """All users, by name."""
        with self._store.reading() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def add(self, name: str, role: str, password: str | None, now: datetime) -> User:
        """Add a user; one without a password signs in at a provider only.

        Raises:
            InputError: the name is none or taken, the role unknown, or the password too short.
        """
        if not _NAME.match(name):
            raise InputError(f"the name {name!r} is none: use up to 64 letters, digits, dots, dashes, + and @.")
        _check_role(role)
        stored = None if password is None else hash_password(password, self._cost)
        values = {"name": name, "role": role, "password": stored, "is_active": True, "created_at": now}
        try:
            with self._store.writing() as connection:
                connection.execute(users.insert().values(**values, wrong_tries=0))
        except DuplicateError as error:
            raise InputError(
                f"there is a user {name!r} already: change its role or password, or take another name."
            ) from error
        return self._named(name)

    def change_role(self, name: str, role: str) -> User:
        """Give a user another role; it holds from the next page on.

        Raises:
            InputError: there is no such user or role.
        """
        _check_role(role)
        self._change(name, role=role)
        return self._named(name)

    def change_password(self, name: str, password: str) -> User:
        """Give a user another password, and end all of the user's sessions.

        Raises:
            InputError: there is no such user, or the password is too short.
        """
        self._change(name, password=hash_password(password, self._cost), wrong_tries=0)
        return self._end_sessions(name)

    def set_active(self, name: str, *, is_active: bool) -> User:
        """Disable a user, whose sessions end at once, or enable one again.

        Raises:
            InputError: there is no such user.
        """
        self._change(name, is_active=is_active, wrong_tries=0)
        return self._end_sessions(name)

    def signed_in(self, name: str, password: str, now: datetime) -> User | None:
        """Return the user whose name and password these are; None for any other, and during a wait.

        A try takes the same time whether or not there is such a user.
        """
        with self._store.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
        is_right = is_password(password, row.password if row else None)
        if row is None or not row.is_active:
            return None
        if row.wrong_tries >= MOST_WRONG and now < row.last_wrong_at + WAIT:
            return None
        with self._store.writing() as connection:
            if is_right:
                connection.execute(update(users).where(users.c.id == row.id).values(wrong_tries=0))
            else:  # counted in the database, so that tries at the same time all count
                more = {"wrong_tries": users.c.wrong_tries + 1, "last_wrong_at": now}
                connection.execute(update(users).where(users.c.id == row.id).values(**more))
        return _user(row) if is_right else None

    def by_name(self, name: str) -> User | None:
        """Return an active user; None if there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
        return _user(row) if row and row.is_active else None

    def _named(self, name: str) -> User:
        with self._store.reading() as connection:
            return _user(connection.execute(select(users).where(users.c.name == name)).one())

    def _change(self, name: str, **values: object) -> None:
        with self._store.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(**values)).rowcount:
                raise InputError(f"there is no user {name[:64]!r}: `stillwatch console users list` names them.")

    def _end_sessions(self, name: str) -> User:
        user = self._named(name)
        with self._store.writing() as connection:
            connection.execute(sessions.delete().where(sessions.c.user_id == user.id))
        return user


def name_of(connection: Connection, user_id: int) -> str:
    """The name of a user."""
    return str(connection.execute(select(users.c.name).where(users.c.id == user_id)).scalar_one())


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InputError(f"the role {role!r} is none: expected one of {', '.join(ROLES)}.")


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(id=row.id, name=row.name, role=row.role, is_active=row.is_active, created_at=row.created_at)
