"""The page of an account, notes on it, and accounts like it."""

from sqlalchemy import insert, select
from starlette.responses import Response

from console.database.tables import account_notes, account_rows, appeals, cases
from console.picture.accounts import read_account, require_accounts
from console.picture.queue import shown_build
from console.web.call import Call
from console.work.claims import claim_holder
from features.errors import InputError

_MOST_ALIKE, _MOST_ASKED = 50, 5


def show_account(call: Call) -> Response:
    """The page; that it was seen is noted first."""
    account_id = call.query.get("id", "")
    with call.store.reading() as connection:
        build = shown_build(connection)
        view = read_account(connection, build, account_id)
        holder = claim_holder(connection, "account", account_id, call.now)
        open_appeal = connection.execute(
            select(appeals).where(appeals.c.account_id == account_id, appeals.c.outcome.is_(None))
        ).first()
    call.note_accounts("account viewed", [account_id])
    return call.page("account.html", build=build, view=view, holder=holder, open_appeal=open_appeal)


def add_note(call: Call) -> Response:
    """Add a note to an account."""
    account_id, text = call.text("account", is_needed=True), call.text("text", is_needed=True)
    with call.store.writing() as connection:
        require_accounts(connection, shown_build(connection), [account_id])
        values = {"account_id": account_id, "at": call.now, "user_id": call.user.id, "text": text}
        connection.execute(insert(account_notes).values(**values))
        call.note_accounts("note added", [account_id])
    return call.back("/account", id=account_id)


def show_alike(call: Call) -> Response:
    """The accounts most like one or a few."""
    asked = [account for account in call.query.getlist("account") if account][:_MOST_ASKED]
    if not asked:
        raise InputError("Name one to five accounts.")
    with call.store.reading() as connection:
        build = shown_build(connection)
        listed = connection.execute(select(cases.c.id, cases.c.title).where(cases.c.merged_into.is_(None)).limit(200))
        open_cases = listed.all()
    call.note_accounts("accounts compared", asked)
    ranked = call.parts.alike.find(asked, _MOST_ALIKE)
    rows = {}
    with call.store.reading() as connection:
        if ranked:
            own = account_rows.c.account_id.in_([each.account_id for each in ranked])
            columns = (account_rows.c.account_id, account_rows.c.risk, account_rows.c.level, account_rows.c.plan)
            of_build = select(*columns).where(account_rows.c.snapshot_id == build.id, own)
            rows = {row.account_id: row for row in connection.execute(of_build)}
    return call.page("alike.html", asked=asked, ranked=ranked, rows=rows, cases=open_cases, build=build)
