"""What the pages of an account and of a campaign show, read from the picture of the build."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from console.database.tables import (
    account_notes,
    account_rows,
    appeals,
    campaign_rows,
    case_accounts,
    cases,
    decisions,
    looks,
    member_rows,
    risk_points,
    standings,
    users,
)
from console.errors import NotFoundError
from console.picture.queue import ShownBuild
from features.catalogue import FEATURES
from features.text import CAPABILITIES

DISCLOSURES = {feature.code: feature.signal.disclosure for feature in FEATURES}
"""What is publicly known of campaigns that an indicator looks for, by its code."""

_KIND_WORDS = {
    "model": "models", "capability": "capabilities asked for", "channel": "channels", "address": "addresses",
    "client": "clients", "asn": "networks",
}  # fmt: skip
_DAY = 86_400
_NOTHING_TOLD: Mapping[str, Any] = {
    "graph": None,
    "bans": None,
    "lineage": [],
    "evidence": [],
    "capabilities": [],
    "models": [],
    "course": [],
}
_MOST_MEMBERS = 500  # rows of a campaign's table of members


def pseudonym(kind: str, key: int) -> str:
    """Name a key for people: a capability by its word, any other by eight digits of its keyed hash."""
    if kind == "capability":
        return CAPABILITIES[key - 1].replace("_", " ") if 0 < key <= len(CAPABILITIES) else "not told"
    return f"{kind} {key & 0xFFFFFFFF:08x}"


@dataclass(frozen=True)
class AccountView:
    """All that the page of an account shows.

    Attributes:
        row: of `account_rows`.
        indicators: what drove the risk, with the disclosure behind each.
        traffic: as the picture tells it.
        shown: by kind of key: names, counts and how many there are.
        risks: times (seconds) and risks.
        memberships: campaigns that the account is in.
        version: of its standing; 0 if it was never decided.
        verdict: that holds; empty for none.
        history: decisions, appeals and notes, the newest first.
        cases: that it is in.
    """

    row: Any
    indicators: Sequence[Mapping[str, Any]]
    traffic: Mapping[str, Any]
    shown: Sequence[Mapping[str, Any]]
    risks: tuple[list[float], list[float]]
    memberships: Sequence[Any]
    version: int
    verdict: str
    history: Sequence[Mapping[str, Any]]
    cases: Sequence[Any]


def read_account(connection: Connection, build: ShownBuild, account_id: str) -> AccountView:
    """Read what the page of an account shows.

    Raises:
        NotFoundError: it is not in the build.
    """
    own = account_rows.c.account_id == account_id
    row = connection.execute(select(account_rows).where(account_rows.c.snapshot_id == build.id, own)).one_or_none()
    if row is None:
        raise NotFoundError("This account is not in the build that is shown.")
    detail = json.loads(row.detail)
    points = select(risk_points.c.as_of, risk_points.c.risk).where(risk_points.c.account_id == account_id)
    risks = connection.execute(points.order_by(risk_points.c.as_of)).all()
    members = member_rows.c
    memberships = select(members.campaign_id, members.membership, members.ties, members.joined_at).where(
        members.snapshot_id == build.id, members.account_id == account_id
    )
    standing = connection.execute(select(standings).where(standings.c.account_id == account_id)).one_or_none()
    listed = select(cases.c.id, cases.c.title, cases.c.state).join(case_accounts)
    return AccountView(
        row=row,
        indicators=[
            each | {"disclosure": DISCLOSURES.get(each["code"], "")}
            for each in json.loads(row.indicators)["indicators"]
        ],
        traffic=_filled(detail["traffic"] or {}),
        shown=[_named(each) for each in detail["shown"] or []],
        risks=([moment.timestamp() for moment, _ in risks], [risk for _, risk in risks]),
        memberships=connection.execute(memberships).all(),
        version=standing.version if standing else 0,
        verdict=standing.verdict if standing else "",
        history=_history(connection, account_id),
        cases=connection.execute(listed.where(case_accounts.c.account_id == account_id)).all(),
    )


def require_accounts(connection: Connection, build: ShownBuild, account_ids: Sequence[str]) -> None:
    """Check that accounts are in a build.

    Raises:
        NotFoundError: one is not.
    """
    own = account_rows.c.account_id.in_(account_ids)
    listed = select(account_rows.c.account_id).where(account_rows.c.snapshot_id == build.id, own)
    missing = set(account_ids).difference(connection.execute(listed).scalars())
    if missing:
        raise NotFoundError(f"The account {min(missing)[:80]} is not in the build that is shown.")


def _named(each: Mapping[str, Any]) -> dict[str, Any]:
    names = [pseudonym(each["kind"], key) for key in each["keys"]]
    return {
        "kind": each["kind"], "words": _KIND_WORDS[each["kind"]], "distinct": each["distinct"],
        "rows": list(zip(names, each["counts"], strict=True)),
    }  # fmt: skip


def _filled(traffic: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the days out without gaps, and the hours on a week."""
    days = traffic.get("days") or []
    if not days:
        return {}
    by_day = dict(zip(days, zip(traffic["day_requests"], traffic["day_tokens"], strict=True), strict=True))
    span = range(days[0], days[-1] + 1)
    week = [0] * 168
    for hour, count in zip(traffic["hours"], traffic["hour_requests"], strict=True):
        week[hour] = count
    return dict(traffic) | {
        "times": [day * _DAY for day in span],
        "requests": [by_day.get(day, (0, 0))[0] for day in span],
        "tokens": [by_day.get(day, (0, 0))[1] for day in span],
        "week": week,
        "sent": sum(traffic["day_requests"]),
    }


def _history(connection: Connection, account_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for table, moment in ((decisions, decisions.c.decided_at), (account_notes, account_notes.c.at)):
        statement = select(table, users.c.name.label("by"), moment.label("moment"))
        joined = statement.join(users, users.c.id == table.c.user_id).where(table.c.account_id == account_id)
        rows += [dict(row._mapping) | {"what": table.name} for row in connection.execute(joined)]
    for appeal in connection.execute(select(appeals).where(appeals.c.account_id == account_id)):
        rows.append(dict(appeal._mapping) | {"what": "appeals", "moment": appeal.opened_at, "by": ""})
    return sorted(rows, key=lambda row: row["moment"], reverse=True)


@dataclass(frozen=True)
class CampaignView:
    """All that the page of a campaign shows.

    Attributes:
        row: of `campaign_rows`.
        detail: as the picture tells it.
        members: with their risks and standings, the riskiest first, as many as a table can show.
        member_count: all of them.
        looked_at: the build that the visitor last looked at; None for never.
        new_members: how many joined since.
        cases: about it.
    """

    row: Any
    detail: Mapping[str, Any]
    members: Sequence[Any]
    member_count: int
    looked_at: Any
    new_members: int
    cases: Sequence[Any]


def read_campaign(connection: Connection, build: ShownBuild, campaign_id: str, user_id: int) -> CampaignView:
    """Read what the page of a campaign shows.

    Raises:
        NotFoundError: it is not in the build.
    """
    own = campaign_rows.c.campaign_id == campaign_id
    row = connection.execute(select(campaign_rows).where(campaign_rows.c.snapshot_id == build.id, own)).one_or_none()
    if row is None:
        raise NotFoundError("This campaign is not among those reported in the build that is shown.")
    looked = select(looks.c.looked_at).where(looks.c.user_id == user_id, looks.c.campaign_id == campaign_id)
    looked_at = connection.execute(looked).scalar_one_or_none()
    of_it = (member_rows.c.snapshot_id == build.id) & (member_rows.c.campaign_id == campaign_id)
    new = 0
    if looked_at is not None:
        joined = select(func.count()).select_from(member_rows).where(of_it, member_rows.c.joined_at > looked_at)
        new = int(connection.execute(joined).scalar_one())
    about = select(cases.c.id, cases.c.title, cases.c.state).where(cases.c.campaign_id == campaign_id)
    return CampaignView(
        row=row,
        detail={**_NOTHING_TOLD, **json.loads(row.detail or "{}")},
        members=read_members(connection, build, campaign_id, _MOST_MEMBERS),
        member_count=row.accounts,
        looked_at=looked_at,
        new_members=new,
        cases=connection.execute(about).all(),
    )


def likeliest_campaign(connection: Connection, build: ShownBuild) -> str | None:
    """The campaign of the highest risk, of equal ones that with most accounts; None where none is reported."""
    row = campaign_rows.c
    statement = select(row.campaign_id).where(row.snapshot_id == build.id)
    ranked = statement.order_by(row.risk.desc(), row.accounts.desc(), row.campaign_id)
    campaign_id: str | None = connection.execute(ranked.limit(1)).scalar_one_or_none()
    return campaign_id


def read_members(connection: Connection, build: ShownBuild, campaign_id: str, most: int | None = None) -> Sequence[Any]:
    """Members with `account_id`, `membership`, `ties`, `joined_at`, what the build knows of each, and its standing."""
    member, row = member_rows.c, account_rows.c
    statement = (
        select(
            *(member[name] for name in ("account_id", "membership", "ties", "joined_at")),
            *(row[name] for name in "risk level plan used_for requests first_seen banned_at label".split()),
            standings.c.verdict,
            func.coalesce(standings.c.version, 0).label("version"),
        )
        .select_from(member_rows)
        .join(account_rows, (row.snapshot_id == member.snapshot_id) & (row.account_id == member.account_id))
        .outerjoin(standings, standings.c.account_id == member.account_id)
        .where(member.snapshot_id == build.id, member.campaign_id == campaign_id)
        .order_by(row.risk.desc(), member.account_id)
    )
    return connection.execute(statement.limit(most) if most else statement).all()
