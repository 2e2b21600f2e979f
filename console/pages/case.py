"""Cases: the list, the page of one, and every change of one."""

from datetime import UTC, datetime

from sqlalchemy import select
from starlette.responses import Response

from console.database.tables import users
from console.errors import ConflictError
from console.picture.accounts import read_members, require_accounts
from console.picture.queue import shown_build
from console.web.call import Call
from console.work.cases import CLOSED, STATES, STEPS, CaseBook, list_cases
from console.work.decisions import DecisionRequest, record_decision
from console.work.outbox import Deliverer
from features.errors import InputError

_MOST = 200
OUTCOMES = ("upheld", "rejected")


def show_cases(call: Call) -> Response:
    """The list."""
    state, whose = call.query.get("state", ""), call.query.get("whose", "")
    if state and state not in STATES:
        raise InputError(f"The state is none: expected one of {', '.join(STATES)}.")
    with call.store.reading() as connection:
        rows = list_cases(connection, state, call.user.id if whose == "mine" else None, _MOST)
    return call.page("cases.html", rows=rows, state=state, whose=whose, states=STATES)


def show_case(call: Call) -> Response:
    """The page of one; that its accounts were seen is noted."""
    case_id = call.request.path_params["case"]
    with call.store.reading() as connection:
        view = CaseBook(connection, call.user, call.now).view(case_id)
        names = connection.execute(select(users.c.name).where(users.c.is_active).order_by(users.c.name)).scalars().all()
    call.note_accounts("case viewed", [row.account_id for row in view.accounts], case=case_id)
    return call.page("case.html", view=view, steps=STEPS[view.row.state], names=names, closed=CLOSED)


def open_case(call: Call) -> Response:
    """Open a case about a campaign and its members, or about some accounts."""
    campaign_id = call.text("campaign") or None
    accounts = [account for account in call.form.get("account", []) if account]
    with call.store.writing() as connection:
        require_accounts(connection, shown_build(connection), accounts)
        if campaign_id is not None:
            members = read_members(connection, shown_build(connection), campaign_id)
            accounts += [member.account_id for member in members]
        if not accounts:
            raise InputError("A case is about at least one account.")
        case_id = CaseBook(connection, call.user, call.now).open(call.text("title"), campaign_id, accounts)
        call.note_accounts("case opened", accounts, case=case_id)
    return call.back(f"/cases/{case_id}")


def change_case(call: Call) -> Response:
    """Change a case: what is changed is the last part of the address."""
    case_id, change = call.request.path_params["case"], call.request.url.path.rpartition("/")[2]
    with call.store.writing() as connection:
        book = CaseBook(connection, call.user, call.now)
        _CHANGES[change](call, book, case_id)
        call.note(f"case {change}", case=case_id)
    return call.back(f"/cases/{case_id}")


def _move(call: Call, book: CaseBook, case_id: int) -> None:
    if book.row(case_id).state in CLOSED and not call.may("lead"):
        raise InputError("Only a lead reopens a case: escalate it.")
    book.move(case_id, call.whole("version"), call.choice("state", STATES))


def _assign(call: Call, book: CaseBook, case_id: int) -> None:
    book.assign(case_id, call.whole("version"), call.text("name"))


def _comment(call: Call, book: CaseBook, case_id: int) -> None:
    book.comment(case_id, call.text("text", is_needed=True))


def _attach(call: Call, book: CaseBook, case_id: int) -> None:
    accounts = [account.strip() for account in call.form.get("account", []) if account.strip()]
    if not accounts:
        raise InputError("Name at least one account to attach.")
    book.row(case_id)
    require_accounts(book.connection, shown_build(book.connection), accounts)
    book.attach(case_id, accounts)


def _snooze(call: Call, book: CaseBook, case_id: int) -> None:
    text = call.text("until")
    try:
        until = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise InputError(f"The day {text[:40]!r} is none: expected one such as 2026-06-01.") from None
    book.snooze(case_id, call.whole("version"), until)


def _escalate(call: Call, book: CaseBook, case_id: int) -> None:
    book.escalate(case_id, call.whole("version"), is_escalated=call.choice("escalated", ("yes", "no")) == "yes")


def _appeal(call: Call, book: CaseBook, case_id: int) -> None:
    book.row(case_id)
    book.appeal(case_id, call.text("account", is_needed=True), call.text("text", is_needed=True))


_CHANGES = {
    "state": _move,
    "assign": _assign,
    "comment": _comment,
    "attach": _attach,
    "snooze": _snooze,
    "escalate": _escalate,
    "appeal": _appeal,
}
CHANGES = tuple(_CHANGES)


def merge_case(call: Call) -> Response:
    """Merge a case into another one."""
    case_id, into = call.request.path_params["case"], call.whole("into")
    with call.store.writing() as connection:
        CaseBook(connection, call.user, call.now).merge(case_id, call.whole("version"), into)
        call.note("case merged", case=case_id, into=into)
    return call.back(f"/cases/{into}")


def close_appeal(call: Call) -> Response:
    """Close an appeal; one that is upheld clears the account, and restores it."""
    case_id, outcome = call.request.path_params["case"], call.choice("outcome", OUTCOMES)
    reason = call.text("reason", is_needed=True)
    with call.store.writing() as connection:
        row = CaseBook(connection, call.user, call.now).close_appeal(call.whole("appeal"), outcome, reason)
        if row.case_id != case_id:
            raise ConflictError("This appeal belongs to another case.")
        if outcome == "upheld":
            request = DecisionRequest(
                versions={row.account_id: call.whole("standing")},
                verdict="clear",
                reason=f"Appeal upheld: {reason}",
                action="restore",
                case_id=case_id,
                is_told=call.parts.webhook is not None,
            )
            record_decision(connection, shown_build(connection), request, call.user, call.now)
        call.note_accounts("appeal closed", [row.account_id], outcome=outcome, case=case_id)
    Deliverer(call.store, call.parts.sink).deliver(call.now)
    return call.back(f"/cases/{case_id}")
