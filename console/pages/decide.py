"""Deciding accounts, and what a ban or a threshold would change."""

from sqlalchemy import insert
from starlette.responses import Response

from console.database.tables import case_events
from console.errors import ConflictError
from console.picture.accounts import read_campaign, read_members
from console.picture.effects import JUDGED, EffectRow, ban_effect, sum_up, threshold_effect
from console.picture.queue import shown_build
from console.web.call import Call
from console.work.cases import STATE_OF, STEPS, CaseBook
from console.work.claims import claim_holder, release_item
from console.work.decisions import ACTIONS, VERDICTS, DecisionRequest, record_decision
from console.work.outbox import Deliverer
from features.errors import InputError


def decide_accounts(call: Call) -> Response:
    """Decide one or many accounts; labels and enforcement go to the lake at once, or as soon as it is free."""
    request = _request(call)
    back = call.choice("back", ("/account", "/campaign", "/case"))
    campaign_id = call.text("campaign")
    with call.store.writing() as connection:
        if back == "/campaign":
            holder = claim_holder(connection, "campaign", campaign_id, call.now)
            if holder not in (None, call.user.name):
                raise ConflictError(f"{holder} works on this campaign: nothing was decided.")
        build = shown_build(connection)
        batch = record_decision(connection, build, request, call.user, call.now)
        if request.case_id is not None:
            _settle_case(CaseBook(connection, call.user, call.now), request.case_id, request.verdict)
            text = (
                f"{request.verdict} {len(request.versions)} accounts{f', {request.action}' if request.action else ''}"
            )
            values = {"case_id": request.case_id, "at": call.now, "user_id": call.user.id, "kind": "decision"}
            connection.execute(insert(case_events).values(**values, text=text))
        accounts = sorted(request.versions)
        call.note_accounts("decided", accounts, verdict=request.verdict, action=request.action, batch=batch)
    if back == "/campaign":
        release_item(call.store, "campaign", campaign_id, call.user)
    Deliverer(call.store, call.parts.sink).deliver(call.now)  # the webhook is the background's: it may be slow
    if request.case_id is not None and back == "/case":
        return call.back(f"/cases/{request.case_id}")
    return call.back(back, id=campaign_id if back == "/campaign" else accounts[0])


def _request(call: Call) -> DecisionRequest:
    action = call.choice("action", ACTIONS)
    if action and not call.may("lead"):
        raise InputError("Enforcement is for leads: decide without an action, and escalate the case.")
    versions = {}
    for chosen in call.form.get("account", []):
        version, _, account_id = chosen.partition(":")
        if not version.isdigit() or not account_id:
            raise InputError("The form names no account: load the page again.")
        versions[account_id] = int(version[:9])
    return DecisionRequest(
        versions=versions,
        verdict=call.choice("verdict", VERDICTS),
        reason=call.text("reason", is_needed=True),
        campaign_id=call.text("campaign") or None,
        action=action,
        case_id=call.whole("case") if call.text("case") else None,
        is_told=call.parts.webhook is not None,
    )


def _settle_case(book: CaseBook, case_id: int, verdict: str) -> None:
    """Let a case follow the decision, where a step leads there."""
    row = book.row(case_id)
    if STATE_OF[verdict] in STEPS[row.state]:
        book.move(case_id, row.version, STATE_OF[verdict])


def show_ban_effect(call: Call) -> Response:
    """Whom a ban of a campaign would hit."""
    campaign_id = call.query.get("campaign", "")
    with call.store.reading() as connection:
        build = shown_build(connection)
        view = read_campaign(connection, build, campaign_id, call.user.id)
        members = read_members(connection, build, campaign_id)
    rows = ban_effect(members)
    banned = sum(member.banned_at is not None for member in members)
    return call.page(
        "ban_effect.html", build=build, view=view, rows=rows, total=sum_up(rows), banned=banned, judged=JUDGED
    )


def show_threshold_effect(call: Call) -> Response:
    """Whom other thresholds would flag."""
    with call.store.reading() as connection:
        build = shown_build(connection)
        thresholds = {name: _threshold(call, name, usual) for name, usual in
                      (("review", build.review), ("act", build.act))}  # fmt: skip
        tables = []
        for name, usual in (("review", build.review), ("act", build.act)):
            now, then = (
                threshold_effect(connection, build, usual),
                threshold_effect(connection, build, thresholds[name]),
            )
            tables.append((name, usual, thresholds[name], _beside(now, then)))
    return call.page("thresholds.html", build=build, thresholds=thresholds, tables=tables, judged=JUDGED)


def _beside(now: list[EffectRow], then: list[EffectRow]) -> list[tuple[str, EffectRow | None, EffectRow | None]]:
    """Put the rows of each plan beside each other, all plans last."""
    before, after = {row.plan: row for row in now}, {row.plan: row for row in then}
    both = [(plan, before.get(plan), after.get(plan)) for plan in sorted({*before, *after})]
    return [*both, ("all plans", sum_up(now), sum_up(then))]


def _threshold(call: Call, name: str, usual: float) -> float:
    try:
        return float(call.query.get(name) or usual)
    except ValueError:
        raise InputError(f"The threshold {name} is no number.") from None
