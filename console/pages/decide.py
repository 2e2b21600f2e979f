"""Deciding accounts, and what a ban or a threshold would change."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert
from starlette.responses import Response

from console.database.tables import case_events
from console.errors import ConflictError
from console.picture.accounts import read_campaign, read_members
from console.picture.effects import (
    ALL,
    JUDGED,
    Effect,
    EffectRow,
    Rows,
    ban_effect,
    flagged_members,
    past_effects,
    threshold_effects,
)
from console.picture.filling import last_builds
from console.picture.frames import LEAST_RISK
from console.picture.queue import shown_build
from console.web.call import Call
from console.work.cases import CLOSED, STATE_OF, STEPS, CaseBook
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
            _settle_case(CaseBook(connection, call.user, call.now), request.case_id)
            count = len(request.versions)
            words = f"{request.verdict} {count} account{'' if count == 1 else 's'}"
            text = f"{words}, {request.action}" if request.action else words
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


def _settle_case(book: CaseBook, case_id: int) -> None:
    """Let a case follow the decisions about its accounts, where a step leads there; until all are made it is open."""
    row, verdicts = book.row(case_id), book.verdicts(case_id)
    state = "investigating" if None in verdicts else next(STATE_OF[each] for each in STATE_OF if each in verdicts)
    if state in STEPS[row.state] and row.state not in CLOSED:
        book.move(case_id, row.version, state)


def show_ban_effect(call: Call) -> Response:
    """Whom a ban of a campaign would hit."""
    campaign_id = call.query.get("campaign", "")
    with call.store.reading() as connection:
        build = shown_build(connection)
        view = read_campaign(connection, build, campaign_id, call.user.id)
        members = read_members(connection, build, campaign_id)
        builds = last_builds(connection, build.as_of)
        past = flagged_members(connection, build, campaign_id, members, [each.as_of for each in builds])
    return call.page(
        "ban_effect.html",
        build=build,
        view=view,
        effect=ban_effect(members),
        banned=sum(member.banned_at is not None for member in members),
        builds=[(each, past[each.as_of.isoformat()]) for each in builds],
        judged=JUDGED,
    )


def show_threshold_effect(call: Call) -> Response:
    """Whom other thresholds would flag: in the build that is shown, or on history; and at each of the last builds."""
    with call.store.reading() as connection:
        build = shown_build(connection)
        builds = last_builds(connection, build.as_of)
        past = _past(call, [each.as_of for each in builds])
        usual = {"review": build.review, "act": build.act}
        chosen = {name: _threshold(call, name, value) for name, value in usual.items()}
        asked = [value for name in usual for value in (usual[name], chosen[name])]
        effects = threshold_effects(connection, build, asked, past)
        is_kept = min(asked) >= LEAST_RISK
        courses = past_effects(connection, build, [each.as_of for each in builds], asked) if is_kept else []
    tables = [
        (name, usual[name], chosen[name], *_compare(*effects[2 * i : 2 * i + 2]), courses[2 * i : 2 * i + 2])
        for i, name in enumerate(usual)
    ]
    return call.page(
        "thresholds.html",
        build=build,
        builds=builds,
        past=past.isoformat() if isinstance(past, datetime) else past or "",
        thresholds=chosen,
        tables=tables,
        judged=JUDGED,
        least_risk=LEAST_RISK,
    )


Beside = list[tuple[str, EffectRow | None, EffectRow | None]]


def _compare(now: Effect, then: Effect) -> tuple[Beside, Beside]:
    """Put the rows of each plan, and those of each use, beside each other."""
    total = (ALL, now.total, then.total)
    return [*_beside(now.by_plan, then.by_plan), total], [*_beside(now.by_use, then.by_use), total]


def _beside(now: Rows, then: Rows) -> Beside:
    return [(name, now.get(name), then.get(name)) for name in sorted({*now, *then})]


def _past(call: Call, times: Sequence[datetime]) -> datetime | str | None:
    """What of history is asked for; None for nothing of it."""
    text = call.query.get("past", "")
    by_text = {time.isoformat(): time for time in times}
    if text and text != ALL and text not in by_text:
        raise InputError("This build is none of the last ones: choose another.")
    return by_text.get(text, text or None)


def _threshold(call: Call, name: str, usual: float) -> float:
    try:
        return float(call.query.get(name) or usual)
    except ValueError:
        raise InputError(f"The threshold {name} is no number.") from None
