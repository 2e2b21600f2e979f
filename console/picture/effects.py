"""What would change: whom a threshold or a ban would hit now or on history, and whether anybody judged them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select, union_all

from console.database.tables import account_rows, member_rows, risk_points, standings
from console.picture.frames import LEAST_RISK
from console.picture.queue import ShownBuild
from features.errors import InputError

JUDGED = ("confirmed", "cleared", "unlabelled")
ALL = "all"
_WORDS: Mapping[Any, str] = {"confirm": "confirmed", "clear": "cleared", True: "confirmed", False: "cleared"}


@dataclass
class EffectRow:
    """Accounts of one plan, cohort of use, or past build.

    Attributes:
        name: which.
        counts: by a word of `JUDGED`.
        requests: of their whole life, where it is a ban that is looked at.
    """

    name: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(JUDGED, 0))
    requests: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


Rows = dict[str, EffectRow]


@dataclass(frozen=True)
class Effect:
    """Whom something hits.

    Attributes:
        by_plan, by_use: rows by plan and by cohort of use; each account is once in both.
    """

    by_plan: Rows = field(default_factory=dict)
    by_use: Rows = field(default_factory=dict)

    def add(self, plan: str | None, use: str | None, word: str, accounts: int, requests: int = 0) -> None:
        """Count accounts that were judged alike."""
        for rows, name in ((self.by_plan, plan or "unknown"), (self.by_use, use or "unknown")):
            row = rows.setdefault(name, EffectRow(name))
            row.counts[word] += accounts
            row.requests += requests

    @property
    def total(self) -> EffectRow:
        """All of them."""
        return sum_up(self.by_plan.values())


def sum_up(rows: Iterable[EffectRow]) -> EffectRow:
    """Add up rows."""
    total = EffectRow(ALL)
    for row in rows:
        total.requests += row.requests
        for word, count in row.counts.items():
            total.counts[word] += count
    return total


def threshold_effects(
    connection: Connection, build: ShownBuild, thresholds: Sequence[float], past: datetime | str | None = None
) -> list[Effect]:
    """Tell whom each threshold flags.

    Args:
        connection: to the database.
        build: that is shown; plans, uses and labels are its own.
        thresholds: probabilities.
        past: time of one of the last builds; `ALL` for accounts that any of them flags; None for the shown build.

    Raises:
        InputError: a threshold is no probability, or too low to be told of past builds.
    """
    _check_thresholds(thresholds, LEAST_RISK if past else 0.0)
    rows, points = account_rows.c, risk_points.c
    statement = select(rows.plan, rows.used_for, _judged().label("judged"))
    joined = account_rows.outerjoin(standings, standings.c.account_id == rows.account_id)
    risk: ColumnElement[float] = rows.highest_risk if past == ALL else rows.risk
    if isinstance(past, datetime):
        joined = joined.join(risk_points, and_(points.account_id == rows.account_id, points.as_of == past))
        risk = points.risk
    flagged = statement.select_from(joined).where(rows.snapshot_id == build.id, risk >= min(thresholds))
    grouped = flagged.group_by(rows.plan, rows.used_for, "judged").add_columns(*_count_from(risk, thresholds))
    effects = [Effect() for _ in thresholds]
    for plan, use, word, *counts in connection.execute(grouped):
        for effect, count in zip(effects, counts, strict=True):
            if count:
                effect.add(plan, use, word, int(count))
    return effects


def past_effects(
    connection: Connection, build: ShownBuild, times: Sequence[datetime], thresholds: Sequence[float]
) -> list[Rows]:
    """Tell of each threshold how many accounts it flags at each of some past builds.

    All are counted by the index of risks; those that were judged are few, and looked up one by one.

    Raises:
        InputError: a threshold is no probability, or too low to be told of past builds.
    """
    _check_thresholds(thresholds, LEAST_RISK)
    points, judged = risk_points.c, _judged_accounts(build).subquery()
    of_builds = points.as_of.in_(times)
    results: list[Rows] = [{time.isoformat(): EffectRow(time.isoformat()) for time in times} for _ in thresholds]
    for rows, threshold in zip(results, thresholds, strict=True):
        everybody = select(points.as_of, func.count()).where(of_builds, points.risk >= threshold)
        for time, count in connection.execute(everybody.group_by(points.as_of)):
            rows[time.isoformat()].counts["unlabelled"] = int(count)
    own = (
        select(points.as_of, judged.c.word, *_count_from(points.risk, thresholds))
        .join(judged, judged.c.account_id == points.account_id)
        .where(of_builds, points.risk >= min(thresholds))
    )
    for time, word, *sums in connection.execute(own.group_by(points.as_of, judged.c.word)):
        for rows, count in zip(results, sums, strict=True):
            rows[time.isoformat()].counts[word] += int(count)
            rows[time.isoformat()].counts["unlabelled"] -= int(count)
    return results


def _check_thresholds(thresholds: Sequence[float], least: float) -> None:
    if not all(0 <= threshold <= 1 for threshold in thresholds):
        raise InputError("A threshold is a probability from 0 to 1.")
    if min(thresholds) < least:
        raise InputError(f"Of past builds risks from {least:g} on are kept: compare lower thresholds on this build.")


def _count_from(risk: ColumnElement[float], thresholds: Sequence[float]) -> list[ColumnElement[int]]:
    """How many rows reach each threshold."""
    return [func.sum(case((risk >= threshold, 1), else_=0)) for threshold in thresholds]


def _judged() -> ColumnElement[str]:
    """Confirmed and cleared by the last decision, else by the label of the build."""
    verdict, label = standings.c.verdict, account_rows.c.label
    return case(
        (verdict == "confirm", "confirmed"),
        (verdict == "clear", "cleared"),
        (and_(verdict.is_(None), label.is_(True)), "confirmed"),
        (and_(verdict.is_(None), label.is_(False)), "cleared"),
        else_="unlabelled",
    )


def _judged_accounts(build: ShownBuild) -> Any:
    """`account_id`, `word` of the accounts that were confirmed or cleared."""
    rows, verdict = account_rows.c, standings.c.verdict
    decided: Select[Any] = select(
        standings.c.account_id, case((verdict == "confirm", "confirmed"), else_="cleared").label("word")
    ).where(verdict.in_(("confirm", "clear")))
    labelled = select(rows.account_id, case((rows.label.is_(True), "confirmed"), else_="cleared").label("word")).where(
        rows.snapshot_id == build.id,
        rows.label.is_not(None),
        rows.account_id.not_in(select(standings.c.account_id)),
    )
    return union_all(decided, labelled)


def ban_effect(members: Sequence[Any]) -> Effect:
    """Tell whom the ban of a campaign's members hits; those that are banned already are left out."""
    effect = Effect()
    for member in members:
        if member.banned_at is None:
            effect.add(member.plan, member.used_for, judged_word(member), 1, member.requests)
    return effect


def judged_word(member: Any) -> str:
    """How a member was judged: by the last decision, else by its label."""
    return _WORDS.get(member.verdict if member.verdict else member.label, "unlabelled")


def flagged_members(
    connection: Connection, build: ShownBuild, campaign_id: str, members: Sequence[Any], times: Sequence[datetime]
) -> Rows:
    """Tell how many of a campaign's members were at or above the review threshold at some past builds."""
    points, member = risk_points.c, member_rows.c
    statement = (
        select(points.as_of, points.account_id)
        .join(member_rows, member.account_id == points.account_id)
        .where(member.snapshot_id == build.id, member.campaign_id == campaign_id)
        .where(points.as_of.in_(times), points.risk >= build.review)
    )
    words = {each.account_id: judged_word(each) for each in members}
    rows = {time.isoformat(): EffectRow(time.isoformat()) for time in times}
    for time, account_id in connection.execute(statement):
        rows[time.isoformat()].counts[words.get(account_id, "unlabelled")] += 1
    return rows
