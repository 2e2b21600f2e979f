"""What would change: whom a threshold or a ban would hit, by plan, and whether anybody judged them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from console.database.tables import account_rows, standings
from console.picture.queue import ShownBuild
from features.errors import InputError

JUDGED = ("confirmed", "cleared", "unlabelled")


@dataclass
class EffectRow:
    """Accounts of one plan.

    Attributes:
        plan: of the accounts.
        counts: by a word of `JUDGED`.
        requests: of the last seven days.
    """

    plan: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(JUDGED, 0))
    requests: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def sum_up(rows: Iterable[EffectRow]) -> EffectRow:
    """Add up all plans."""
    total = EffectRow("all plans")
    for row in rows:
        total.requests += row.requests
        for word, count in row.counts.items():
            total.counts[word] += count
    return total


def threshold_effect(connection: Connection, build: ShownBuild, threshold: float) -> list[EffectRow]:
    """Tell whom a threshold flags in the build that is shown.

    Raises:
        InputError: it is no probability.
    """
    if not 0 <= threshold <= 1:
        raise InputError("A threshold is a probability from 0 to 1.")
    rows = account_rows.c
    is_flagged = and_(rows.snapshot_id == build.id, rows.risk >= threshold)
    judged = _judged()
    statement = (
        select(rows.plan, judged.label("judged"), func.count(), func.sum(rows.recent_requests))
        .select_from(account_rows)
        .outerjoin(standings, standings.c.account_id == rows.account_id)
        .where(is_flagged)
        .group_by(rows.plan, judged)
    )
    by_plan: dict[str, EffectRow] = {}
    for plan, word, count, requests in connection.execute(statement):
        effect = by_plan.setdefault(plan or "unknown", EffectRow(plan or "unknown"))
        effect.counts[word] += count
        effect.requests += int(requests or 0)
    return [by_plan[plan] for plan in sorted(by_plan)]


def _judged() -> Any:
    """Confirmed and cleared by the last decision, else by the label of the build."""
    verdict, label = standings.c.verdict, account_rows.c.label
    return case(
        (verdict == "confirm", "confirmed"),
        (verdict == "clear", "cleared"),
        (and_(verdict.is_(None), label.is_(True)), "confirmed"),
        (and_(verdict.is_(None), label.is_(False)), "cleared"),
        else_="unlabelled",
    )


def ban_effect(members: Sequence[Any]) -> list[EffectRow]:
    """Tell whom the ban of a campaign's members hits; those that are banned already are left out."""
    by_plan: dict[str, EffectRow] = {}
    words = {"confirm": "confirmed", "clear": "cleared", True: "confirmed", False: "cleared"}
    for member in members:
        if member.banned_at is None:
            effect = by_plan.setdefault(member.plan or "unknown", EffectRow(member.plan or "unknown"))
            effect.counts[words.get(member.verdict if member.verdict else member.label, "unlabelled")] += 1
            effect.requests += member.requests
    return [by_plan[plan] for plan in sorted(by_plan)]
