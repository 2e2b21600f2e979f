"""Decisions: confirm, clear or monitor accounts, once each. What follows is put into the outbox with them."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError as DuplicateError

from console.database.tables import account_rows, claims, decisions, outbox, standings, users
from console.errors import ConflictError
from console.people.users import User
from console.picture.filling import show_ban
from console.picture.queue import ShownBuild
from console.ports import JudgedAccount
from features.errors import InputError

VERDICTS = ("confirm", "clear", "monitor")
LABELS: Mapping[str, bool | None] = {"confirm": True, "clear": False, "monitor": None}
ACTIONS = ("", "ban", "throttle", "restore")
LAKE, WEBHOOK = "lake", "webhook"  # channels of the outbox


@dataclass(frozen=True, kw_only=True)
class DecisionRequest:
    """What is decided of some accounts.

    Attributes:
        versions: of each account's standing when the decider saw it; 0 for one that was never decided.
        verdict: of `VERDICTS`.
        reason: the decider's.
        campaign_id: that they are confirmed for; None for none.
        action: of `ACTIONS`; empty for none.
        case_id: that the decision belongs to.
        is_told: whether a webhook is to tell the platform.
    """

    versions: Mapping[str, int]
    verdict: str
    reason: str
    campaign_id: str | None = None
    action: str = ""
    case_id: int | None = None
    is_told: bool = False

    def check(self) -> None:
        """Check the words.

        Raises:
            InputError: one is none of those allowed, or no account is named.
        """
        if self.verdict not in VERDICTS or self.action not in ACTIONS:
            raise InputError(f"The verdict is one of {', '.join(VERDICTS)}, the action none, ban, throttle or restore.")
        if not self.versions:
            raise InputError("No account is named: choose at least one.")
        if self.verdict == "clear" and self.action in ("ban", "throttle"):
            raise InputError("A cleared account is not banned or throttled: choose restore or no action.")
        if self.verdict == "confirm" and self.action == "restore":
            raise InputError("A confirmed account is not restored: choose ban, throttle or no action.")


def record_decision(
    connection: Connection, build: ShownBuild, request: DecisionRequest, user: User, now: datetime
) -> str:
    """Decide accounts within a transaction of the caller's, all or none; return the batch's name.

    Raises:
        InputError: see `DecisionRequest.check`.
        ConflictError: one was decided since the decider saw it, or somebody else works on it.
    """
    request.check()
    accounts = sorted(request.versions)
    _check_claims(connection, accounts, user, now)
    batch = secrets.token_hex(16)
    seen = _as_seen(connection, build, accounts)
    for account in accounts:
        level, risk = seen.get(account, (None, None))
        values = {
            "batch": batch, "account_id": account, "verdict": request.verdict, "campaign_id": request.campaign_id,
            "enforcement": request.action or None, "case_id": request.case_id, "user_id": user.id, "decided_at": now,
            "level": level, "risk": risk, "model_version": build.model_version, "reason": request.reason,
        }  # fmt: skip
        key = connection.execute(insert(decisions).values(**values)).inserted_primary_key
        assert key is not None
        _stand(connection, account, request.versions[account], request.verdict, key[0])
    if request.action in ("ban", "restore"):
        for part in _parts(accounts):
            show_ban(connection, build.id, part, now if request.action == "ban" else None)
    own = and_(claims.c.user_id == user.id, claims.c.kind == "account", claims.c.item_id.in_(accounts))
    connection.execute(delete(claims).where(own))
    _put_out(connection, batch, request, user, now)
    return batch


def _as_seen(connection: Connection, build: ShownBuild, accounts: Sequence[str]) -> dict[str, tuple[str, float]]:
    """Level and risk of accounts in the build that the decider saw."""
    rows = account_rows.c
    scored = select(rows.account_id, rows.level, rows.risk).where(rows.snapshot_id == build.id)
    return {row[0]: (row[1], row[2]) for part in _parts(accounts)
            for row in connection.execute(scored.where(rows.account_id.in_(part)))}  # fmt: skip


def _parts(accounts: Sequence[str], size: int = 500) -> Sequence[Sequence[str]]:
    """A statement can't name any number of values."""
    return [accounts[begin : begin + size] for begin in range(0, len(accounts), size)]


def _check_claims(connection: Connection, accounts: Sequence[str], user: User, now: datetime) -> None:
    others = and_(claims.c.kind == "account", claims.c.user_id != user.id, claims.c.ends_at > now)
    query = select(claims.c.item_id, users.c.name).join(users, users.c.id == claims.c.user_id).where(others)
    for part in _parts(accounts):
        row = connection.execute(query.where(claims.c.item_id.in_(part)).limit(1)).first()
        if row:
            raise ConflictError(f"{row.name} works on the account {row.item_id}: nothing was decided.")


def _stand(connection: Connection, account: str, version: int, verdict: str, decision_id: int) -> None:
    """Let a verdict hold of an account whose standing nobody changed since the decider saw it."""
    values = {"verdict": verdict, "version": version + 1, "decision_id": decision_id}
    if version:
        same = and_(standings.c.account_id == account, standings.c.version == version)
        is_first = connection.execute(update(standings).where(same).values(**values)).rowcount == 1
    else:
        try:
            with connection.begin_nested():
                connection.execute(insert(standings).values(account_id=account, **values))
            is_first = True
        except DuplicateError:
            is_first = False
    if not is_first:
        raise ConflictError(f"The account {account} was decided since the page was loaded: nothing was decided.")


def _put_out(connection: Connection, batch: str, request: DecisionRequest, user: User, now: datetime) -> None:
    """Put what follows into the outbox."""
    label = LABELS[request.verdict]
    judged = [
        JudgedAccount(account, label, request.campaign_id if label else None, request.action or None)
        for account in sorted(request.versions)
    ]
    rows: list[tuple[str, Any]] = []
    if label is not None or request.action:
        rows.append((LAKE, {"decided_at": now.isoformat(), "judged": [asdict(each) for each in judged]}))
    if request.is_told:
        told_of = {
            "event": batch, "type": "decision", "verdict": request.verdict, "action": request.action or None,
            "campaign_id": request.campaign_id, "accounts": sorted(request.versions), "decided_by": user.name,
            "decided_at": now.isoformat(), "reason": request.reason,
        }  # fmt: skip
        rows.append((WEBHOOK, told_of))
    for channel, body in rows:
        values = {"event_id": f"{batch}-{channel}", "channel": channel, "body": json.dumps(body), "attempts": 0}
        connection.execute(insert(outbox).values(**values, created_at=now, next_at=now))
