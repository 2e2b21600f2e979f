"""One call of a page: who calls, with which values, and what the page may use to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.database.store import ConsoleStore
from console.people.logins import LoginSessions, Visitor
from console.people.roles import Permission, is_allowed
from console.people.sign_on import SingleSignOn
from console.people.users import User, UserBook
from console.ports import AlikeFinder, AuditTrail, DecisionSink, WebhookTarget
from console.web.rendering import fill_page
from features.errors import InputError

LONGEST_TEXT = 4_000  # characters of a comment or a reason


@dataclass(frozen=True)
class ConsoleParts:
    """What the pages are made of.

    Attributes:
        store: the database.
        users: who may sign in.
        logins: who is signed in.
        audit: where views and decisions are noted.
        sink: where labels and enforcement are stored.
        alike: finds accounts like others.
        clock: tells the time.
        is_secure: whether cookies are for HTTPS only.
        webhook: where decisions are told; None for nowhere.
        sign_on: another way to sign in; None for none.
    """

    store: ConsoleStore
    users: UserBook
    logins: LoginSessions
    audit: AuditTrail
    sink: DecisionSink
    alike: AlikeFinder
    clock: Callable[[], datetime]
    is_secure: bool = False
    webhook: WebhookTarget | None = None
    sign_on: SingleSignOn | None = None


@dataclass(frozen=True)
class Call:
    """One call of a page.

    Attributes:
        request: as it came.
        parts: of the console.
        visitor: who calls; None before signing in.
        form: the fields of a change.
        now: when the call came.
    """

    request: Request
    parts: ConsoleParts
    visitor: Visitor | None
    now: datetime
    form: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def store(self) -> ConsoleStore:
        """The database."""
        return self.parts.store

    @property
    def user(self) -> User:
        """Who is signed in; pages that ask for it need a permission, so somebody is."""
        assert self.visitor is not None
        return self.visitor.user

    @property
    def query(self) -> QueryParams:
        """The values of the address."""
        return self.request.query_params

    def may(self, permission: str) -> bool:
        """Tell whether the visitor has a permission, named in lower case."""
        return self.visitor is not None and is_allowed(self.visitor.user.role, Permission(permission))

    def text(self, name: str, *, is_needed: bool = False) -> str:
        """A field of the form, without space around it.

        Raises:
            InputError: it is missing, twice there or too long.
        """
        values = self.form.get(name, [])
        value = values[0].strip() if len(values) == 1 else ""
        if len(values) > 1 or len(value) > LONGEST_TEXT:
            raise InputError(f"The field {name} is given twice, or is longer than {LONGEST_TEXT:,} characters.")
        if is_needed and not value:
            raise InputError(f"The field {name} is empty: fill it in.")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """A field that holds one of some words.

        Raises:
            InputError: it holds another.
        """
        value = self.text(name)
        if value not in choices:
            raise InputError(f"The field {name} is {value[:40]!r}: expected one of {', '.join(choices)}.")
        return value

    def whole(self, name: str) -> int:
        """A field that holds a whole number.

        Raises:
            InputError: it holds something else.
        """
        value = self.text(name)
        if not value.isascii() or not value.isdigit() or len(value) > 15:
            raise InputError(f"The field {name} is {value[:40]!r}: expected a whole number.")
        return int(value)

    def note(self, event: str, **details: object) -> None:
        """Note in the audit log what the visitor did; what can't be noted is not done."""
        self.parts.audit.append(event, f"user {self.user.name}", self.now, **details)

    def note_accounts(self, event: str, accounts: list[str], **details: object) -> None:
        """Note what the visitor saw or did of some accounts, which the log names by pseudonyms."""
        names = [self.parts.audit.pseudonym(account) for account in accounts]
        self.note(event, accounts=names, **details)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        return HTMLResponse(fill_page(template, call=self, **values), status_code=status)

    def back(self, path: str, **query: str | int) -> Response:
        """Answer a change by a way to the page that shows it."""
        return RedirectResponse(path + ("?" + urlencode(query) if query else ""), 303)
