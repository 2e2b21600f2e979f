"""Cases: what is investigated together. Every change is an event that stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from console.database.tables import (
    account_rows,
    appeals,
    case_accounts,
    case_events,
    cases,
    decisions,
    snapshots,
    standings,
    users,
)
from console.errors import ConflictError, NotFoundError
from console.people.users import User
from features.errors import InputError

STATES = ("new", "investigating", "confirmed", "dismissed", "monitoring")
STEPS: Mapping[str, tuple[str, ...]] = {
    "new": ("investigating", "confirmed", "dismissed", "monitoring"),
    "investigating": ("confirmed", "dismissed", "monitoring"),
    "monitoring": ("investigating", "confirmed", "dismissed"),
    "confirmed": ("investigating",),  # reopened
    "dismissed": ("investigating",),
}
CLOSED = ("confirmed", "dismissed")
STATE_OF = {"confirm": "confirmed", "monitor": "monitoring", "clear": "dismissed"}
"""The state that a case comes to once all of its accounts are decided, by the first of these verdicts among them."""


@dataclass(frozen=True)
class CaseView:
    """All that the page of a case shows.

    Attributes:
        row: of `cases`, with `assignee`, the name.
        accounts: with their standings, and what the build that is shown knows of each; the riskiest first.
        events: what happened, the newest first.
        decisions: about it, the newest first.
        appeals: about it, the newest first.
    """

    row: Row[Any]
    accounts: Sequence[Row[Any]]
    events: Sequence[Row[Any]]
    decisions: Sequence[Row[Any]]
    appeals: Sequence[Row[Any]]


class CaseBook:
    """The cases, within a transaction of the caller's.

    Args:
        connection: the transaction.
        user: who changes them.
        now: when.
    """

    def __init__(self, connection: Connection, user: User, now: datetime) -> None:
        self.connection, self._user, self._now = connection, user, now

    def open(self, title: str, campaign_id: str | None, accounts: Sequence[str]) -> int:
        """Open a case about a campaign or some accounts, and return its number.

        Raises:
            InputError: it has no title, or one longer than 200 characters.
        """
        if not title or len(title) > 200:
            raise InputError("A case needs a title of at most 200 characters.")
        values = {
            "title": title, "state": "new", "campaign_id": campaign_id, "created_at": self._now,
            "changed_at": self._now, "is_escalated": False, "version": 1,
        }  # fmt: skip
        key = self.connection.execute(insert(cases).values(**values)).inserted_primary_key
        assert key is not None
        case_id = int(key[0])
        self._note(case_id, "opened", title)
        self.attach(case_id, accounts)
        return case_id

    def attach(self, case_id: int, accounts: Sequence[str]) -> None:
        """Attach accounts; those that are attached already stay as they are."""
        mine = select(case_accounts.c.account_id).where(case_accounts.c.case_id == case_id)
        present = set(self.connection.execute(mine).scalars())
        new = [account for account in dict.fromkeys(accounts) if account not in present]
        if new:
            rows = [{"case_id": case_id, "account_id": account, "added_at": self._now} for account in new]
            self.connection.execute(insert(case_accounts), rows)
            self._note(
                case_id, "attached", ", ".join(new[:20]) + (f" and {len(new) - 20} more" if len(new) > 20 else "")
            )

    def move(self, case_id: int, version: int, state: str) -> None:
        """Move a case to another state.

        Raises:
            InputError: no step leads there.
            ConflictError: somebody changed the case since.
        """
        current = self.row(case_id).state
        if state not in STEPS[current]:
            raise InputError(f"A case that is {current} becomes {' or '.join(STEPS[current])}, not {state[:40]!r}.")
        self._change(case_id, version, "reopened" if current in CLOSED else "state", state, state=state)

    def assign(self, case_id: int, version: int, name: str) -> None:
        """Give a case to a user, or to nobody.

        Raises:
            InputError: there is no such active user.
        """
        assignee = None
        if name:
            who = select(users.c.id).where(users.c.name == name, users.c.is_active)
            assignee = self.connection.execute(who).scalar_one_or_none()
            if assignee is None:
                raise InputError(f"There is no active user {name[:64]!r}.")
        self._change(case_id, version, "assigned", name or "nobody", assignee_id=assignee)

    def comment(self, case_id: int, text: str) -> None:
        """Add a comment."""
        self.row(case_id)
        self._note(case_id, "comment", text)

    def snooze(self, case_id: int, version: int, until: datetime | None) -> None:
        """Hide a case and its accounts from the queue until a time; None shows them again.

        Raises:
            InputError: the time is past.
        """
        if until is not None and until <= self._now:
            raise InputError("A case is snoozed until a day to come.")
        word = f"{until:%Y-%m-%d}" if until else "ended"
        self._change(case_id, version, "snoozed", word, snoozed_until=until)

    def escalate(self, case_id: int, version: int, *, is_escalated: bool) -> None:
        """Ask a lead for help, or say that it is not needed any more."""
        self._change(case_id, version, "escalated" if is_escalated else "de-escalated", "", is_escalated=is_escalated)

    def merge(self, case_id: int, version: int, into: int) -> None:
        """Merge a case into another one, which takes its accounts; its own history stays.

        Raises:
            InputError: they are the same case, or the other is merged itself.
        """
        if into == case_id or self.row(into).merged_into is not None:
            raise InputError("A case is merged into another one that is not merged itself.")
        mine = select(case_accounts.c.account_id).where(case_accounts.c.case_id == case_id)
        self.attach(into, list(self.connection.execute(mine).scalars()))
        self._change(case_id, version, "merged", f"into case {into}", merged_into=into)
        self._note(into, "merged", f"case {case_id} into this one")

    def appeal(self, case_id: int, account_id: str, text: str) -> int:
        """Open the appeal of an account, and return its number.

        Raises:
            InputError: it was not confirmed or acted on, or appeals already.
        """
        open_ones = select(appeals.c.id).where(appeals.c.account_id == account_id, appeals.c.outcome.is_(None))
        if self.connection.execute(open_ones).first():
            raise InputError("This account has an open appeal already.")
        if not self.connection.execute(select(standings).where(standings.c.account_id == account_id)).first():
            raise InputError("This account was never decided, so there is nothing to appeal against.")
        self.attach(case_id, [account_id])
        values = {"account_id": account_id, "case_id": case_id, "opened_at": self._now, "text": text}
        key = self.connection.execute(insert(appeals).values(**values)).inserted_primary_key
        assert key is not None
        self._note(case_id, "appeal", f"{account_id}: {text}")
        return int(key[0])

    def close_appeal(self, appeal_id: int, outcome: str, reason: str) -> Row[Any]:
        """Close an appeal, `upheld` or `rejected`, for a reason, and return it.

        Raises:
            ConflictError: it is closed already.
            NotFoundError: there is none.
        """
        row = self.connection.execute(select(appeals).where(appeals.c.id == appeal_id)).one_or_none()
        if row is None:
            raise NotFoundError("There is no such appeal.")
        still_open = update(appeals).where(appeals.c.id == appeal_id, appeals.c.outcome.is_(None))
        if not self.connection.execute(still_open.values(outcome=outcome, closed_at=self._now)).rowcount:
            raise ConflictError("This appeal is closed already: load the page again.")
        self._note(row.case_id, "appeal closed", f"{row.account_id}: {outcome}, {reason}")
        return row

    def row(self, case_id: int) -> Row[Any]:
        """The row of a case, with `assignee`.

        Raises:
            NotFoundError: there is none.
        """
        statement = select(cases, users.c.name.label("assignee")).outerjoin(users, users.c.id == cases.c.assignee_id)
        row = self.connection.execute(statement.where(cases.c.id == case_id)).one_or_none()
        if row is None:
            raise NotFoundError("There is no such case.")
        return row

    def verdicts(self, case_id: int) -> set[str | None]:
        """The verdicts that hold of its accounts; None if one of them was never decided."""
        standing = case_accounts.outerjoin(standings, standings.c.account_id == case_accounts.c.account_id)
        verdicts = select(standings.c.verdict).select_from(standing).where(case_accounts.c.case_id == case_id)
        return set(self.connection.execute(verdicts).scalars())

    def view(self, case_id: int) -> CaseView:
        """All that the page of a case shows."""
        execute = self.connection.execute
        row = account_rows.c
        shown = select(snapshots.c.id).where(snapshots.c.is_current).scalar_subquery()
        accounts = (
            select(case_accounts, standings.c.verdict, standings.c.version, row.risk, row.level, row.banned_at)
            .outerjoin(standings, standings.c.account_id == case_accounts.c.account_id)
            .outerjoin(account_rows, and_(row.snapshot_id == shown, row.account_id == case_accounts.c.account_id))
        )
        events = select(case_events, users.c.name.label("by")).join(users)
        decided = select(decisions, users.c.name.label("by")).join(users)
        return CaseView(
            row=self.row(case_id),
            accounts=execute(
                accounts.where(case_accounts.c.case_id == case_id).order_by(
                    row.risk.desc().nulls_last(), case_accounts.c.account_id
                )
            ).all(),
            events=execute(events.where(case_events.c.case_id == case_id).order_by(case_events.c.id.desc())).all(),
            decisions=execute(
                decided.where(decisions.c.case_id == case_id).order_by(decisions.c.id.desc()).limit(200)
            ).all(),
            appeals=execute(select(appeals).where(appeals.c.case_id == case_id).order_by(appeals.c.id.desc())).all(),
        )

    def _change(self, case_id: int, version: int, kind: str, text: str, **values: object) -> None:
        """Change a case that nobody changed since the visitor saw it."""
        row = self.row(case_id)
        if row.merged_into is not None:
            raise InputError(f"This case is merged into case {row.merged_into}: go on there.")
        same = update(cases).where(cases.c.id == case_id, cases.c.version == version)
        changed = self.connection.execute(same.values(**values, version=version + 1, changed_at=self._now))
        if not changed.rowcount:
            raise ConflictError("Somebody changed this case since: load the page again.")
        self._note(case_id, kind, text)

    def _note(self, case_id: int, kind: str, text: str) -> None:
        values = {"case_id": case_id, "at": self._now, "user_id": self._user.id, "kind": kind, "text": text}
        self.connection.execute(insert(case_events).values(**values))


def list_cases(connection: Connection, state: str, assignee_id: int | None, most: int) -> Sequence[Row[Any]]:
    """Cases of a state (empty for all that are not merged), those changed last first."""
    statement = select(cases, users.c.name.label("assignee")).outerjoin(users, users.c.id == cases.c.assignee_id)
    statement = statement.where(cases.c.merged_into.is_(None))
    if state:
        statement = statement.where(cases.c.state == state)
    if assignee_id is not None:
        statement = statement.where(cases.c.assignee_id == assignee_id)
    ordered = statement.order_by(cases.c.is_escalated.desc(), cases.c.changed_at.desc(), cases.c.id.desc())
    return connection.execute(ordered.limit(most)).all()
