"""The queue: accounts or campaigns of the build that is shown, filtered, ranked and paged by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, select

from console.database.tables import (
    account_rows,
    campaign_rows,
    case_accounts,
    cases,
    claims,
    decisions,
    member_rows,
    snapshots,
    standings,
    users,
)
from console.picture.frames import USES
from features.errors import InputError

PAGE_SIZE = 50
KINDS, SORTS = ("accounts", "campaigns"), ("risk", "volume", "novelty")
LEVELS = {"flagged": ("act", "review"), "act": ("act",), "review": ("review",), "low": ("low",), "all": ()}
STATUSES = ("open", "decided", "mine", "all")
_WORDS = {"kind": KINDS, "sort": SORTS, "level": tuple(LEVELS), "status": STATUSES, "use": ("", *USES)}
_MOST_COUNTED = 10_000  # rows that a page counts; beyond, it says "more than"
_MOST_PAGES = 2_000


@dataclass(frozen=True)
class QueueFilters:
    """What of the queue is asked for.

    Attributes:
        kind: accounts or campaigns.
        sort: by risk, volume or novelty, the highest or newest first.
        level: a key of `LEVELS`.
        status: open (undecided and not snoozed), decided, mine (claimed by the visitor), or all.
        plan: of the account; empty for any.
        use: what the account is used for, of `USES`; empty for any.
        campaign: its id; empty for any.
        since: first seen at or after this day.
        model: version that the item was decided under; empty for any.
        page: from 1.
    """

    kind: str = "accounts"
    sort: str = "risk"
    level: str = "flagged"
    status: str = "open"
    plan: str = ""
    use: str = ""
    campaign: str = ""
    since: str = ""
    model: str = ""
    page: int = 1

    def query(self, **changes: object) -> dict[str, str]:
        """The values of the address of these filters; those that are usual are left out."""
        usual, own = QueueFilters(), replace(self, **changes)  # type: ignore[arg-type]
        return {name: str(value) for name, value in vars(own).items() if value != getattr(usual, name)}

    @property
    def since_time(self) -> datetime | None:
        """The begin of the day."""
        return datetime.fromisoformat(self.since).replace(tzinfo=UTC) if self.since else None


def parse_filters(values: Mapping[str, str]) -> QueueFilters:
    """Read filters from an address.

    Raises:
        InputError: a value is none of those allowed.
    """
    texts = {name: values.get(name, "").strip() for name in vars(QueueFilters())}
    given = {name: text for name, text in texts.items() if text and name != "page"}
    filters = QueueFilters(**given)  # type: ignore[arg-type]
    for name, allowed in _WORDS.items():
        if getattr(filters, name) not in allowed:
            expected = ", ".join(filter(None, allowed))
            raise InputError(f"The filter {name} is {getattr(filters, name)[:40]!r}: expected {expected}.")
    try:
        if filters.since_time is not None and not 1970 <= filters.since_time.year <= 2200:
            raise ValueError
    except ValueError:
        raise InputError(f"The filter since is {filters.since[:40]!r}: expected a day such as 2026-06-01.") from None
    page = texts["page"] or "1"
    if not (page.isascii() and page.isdigit() and 1 <= int(page[:6]) <= _MOST_PAGES):
        raise InputError(f"The page is {page[:20]!r}: expected a number from 1 to {_MOST_PAGES:,}.")
    return replace(filters, page=int(page))


@dataclass(frozen=True)
class ShownBuild:
    """The build that is shown.

    Attributes:
        id: of its picture.
        as_of: its time.
        model_version: of the champion that scored it.
        review, act: thresholds.
        summary: JSON.
    """

    id: int
    as_of: datetime
    model_version: str
    review: float
    act: float
    summary: str


def shown_build(connection: Connection) -> ShownBuild:
    """The build that is shown.

    Raises:
        InputError: none is yet.
    """
    row = connection.execute(select(snapshots).where(snapshots.c.is_current)).one_or_none()
    if row is None:
        raise InputError("No build is shown yet: the console is still reading it. Load the page again in a minute.")
    return ShownBuild(row.id, row.as_of, row.model_version, row.review_threshold, row.act_threshold, row.summary)


@dataclass(frozen=True)
class QueuePage:
    """A page of the queue.

    Attributes:
        rows: its items.
        total: of all pages, at most `_MOST_COUNTED` + 1.
        is_counted: whether the total is exact.
    """

    rows: Sequence[Any]
    total: int
    is_counted: bool


def read_queue(
    connection: Connection, build: ShownBuild, filters: QueueFilters, user_id: int, now: datetime
) -> QueuePage:
    """Read one page of the queue: first which items, from indexes alone, then what is shown of them."""
    statement = list_items(build, filters, user_id, now)
    counted = select(func.count()).select_from(statement.order_by(None).limit(_MOST_COUNTED + 1).subquery())
    total = int(connection.execute(counted).scalar_one())
    paged = statement.limit(PAGE_SIZE).offset((filters.page - 1) * PAGE_SIZE)
    items = list(connection.execute(paged).scalars())
    describe = _describe_accounts if filters.kind == "accounts" else _describe_campaigns
    rows = {row.item_id: row for row in connection.execute(describe(build, items, now))}
    return QueuePage([rows[item] for item in items], total, total <= _MOST_COUNTED)


def list_items(
    build: ShownBuild, filters: QueueFilters, user_id: int, now: datetime, *, is_free: bool = False
) -> Select[Any]:
    """The query of the items' ids, in order; if `is_free`, without those that others work on."""
    kind = filters.kind.removesuffix("s")
    listed = _list_accounts if kind == "account" else _list_campaigns
    statement, item, is_open = listed(build, filters, now)
    held = select(claims.c.item_id).where(claims.c.kind == kind, claims.c.ends_at > now)
    conditions = {"open": is_open, "decided": not_(is_open), "mine": item.in_(held.where(claims.c.user_id == user_id))}
    if filters.status != "all":
        statement = statement.where(conditions[filters.status])
    return statement.where(item.not_in(held.where(claims.c.user_id != user_id))) if is_free else statement


Listed = tuple[Select[Any], ColumnElement[str], ColumnElement[bool]]


def _list_accounts(build: ShownBuild, filters: QueueFilters, now: datetime) -> Listed:
    """The query without a status, the column of the id, and what is true of an open item."""
    rows = account_rows.c
    order = {
        "risk": rows.risk.desc(),
        "volume": rows.requests.desc(),
        "novelty": rows.flagged_since.desc().nulls_last(),
    }
    statement = select(rows.account_id).where(rows.snapshot_id == build.id)
    if LEVELS[filters.level]:
        statement = statement.where(rows.level.in_(LEVELS[filters.level]))
    if filters.plan:
        statement = statement.where(rows.plan == filters.plan)
    if filters.use:
        statement = statement.where(rows.used_for == filters.use)
    if filters.campaign:
        statement = statement.where(rows.campaign_id == filters.campaign)
    if filters.since:
        statement = statement.where(rows.first_seen >= filters.since_time)
    if filters.model:
        own = select(decisions.c.id).where(decisions.c.model_version == filters.model)
        judged = select(standings.c.account_id).where(standings.c.decision_id.in_(own))
        statement = statement.where(rows.account_id.in_(judged))
    snoozed = (
        select(case_accounts.c.account_id)
        .join(cases, cases.c.id == case_accounts.c.case_id)
        .where(cases.c.snoozed_until > now)
    )
    is_decided = rows.account_id.in_(select(standings.c.account_id))
    is_open = (
        not_(is_decided) if filters.status == "decided" else and_(not_(is_decided), rows.account_id.not_in(snoozed))
    )
    return statement.order_by(order[filters.sort], rows.account_id), rows.account_id, is_open


def _list_campaigns(build: ShownBuild, filters: QueueFilters, now: datetime) -> Listed:
    rows = campaign_rows.c
    order = {"risk": rows.risk, "volume": rows.requests, "novelty": rows.reported_since}
    statement = select(rows.campaign_id).where(rows.snapshot_id == build.id)
    if filters.campaign:
        statement = statement.where(rows.campaign_id == filters.campaign)
    if filters.since:
        statement = statement.where(rows.first_seen >= filters.since_time)
    is_undecided = exists().where(
        member_rows.c.snapshot_id == build.id,
        member_rows.c.campaign_id == rows.campaign_id,
        member_rows.c.account_id.not_in(select(standings.c.account_id)),
    )
    snoozed = select(cases.c.campaign_id).where(cases.c.campaign_id.is_not(None), cases.c.snoozed_until > now)
    is_open = is_undecided if filters.status == "decided" else and_(is_undecided, rows.campaign_id.not_in(snoozed))
    ordered = statement.order_by(order[filters.sort].desc().nulls_last(), rows.campaign_id)
    return ordered, rows.campaign_id, is_open


def _describe_accounts(build: ShownBuild, items: Sequence[str], now: datetime) -> Select[Any]:
    rows = account_rows.c
    names = "risk level campaign_id plan used_for first_seen requests recent_requests banned_at flagged_since".split()
    return (
        select(
            rows.account_id.label("item_id"),
            *(rows[name] for name in names),
            standings.c.verdict,
            users.c.name.label("claimed_by"),
        )
        .select_from(account_rows)
        .outerjoin(standings, standings.c.account_id == rows.account_id)
        .outerjoin(claims, _claim_of("account", rows.account_id, now))
        .outerjoin(users, users.c.id == claims.c.user_id)
        .where(rows.snapshot_id == build.id, rows.account_id.in_(items))
    )


def _describe_campaigns(build: ShownBuild, items: Sequence[str], now: datetime) -> Select[Any]:
    rows = campaign_rows.c
    names = "accounts requests tokens risk odds first_seen last_seen reported_since banned".split()
    return (
        select(rows.campaign_id.label("item_id"), *(rows[name] for name in names), users.c.name.label("claimed_by"))
        .select_from(campaign_rows)
        .outerjoin(claims, _claim_of("campaign", rows.campaign_id, now))
        .outerjoin(users, users.c.id == claims.c.user_id)
        .where(rows.snapshot_id == build.id, rows.campaign_id.in_(items))
    )


def _claim_of(kind: str, item_id: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    return and_(claims.c.kind == kind, claims.c.item_id == item_id, claims.c.ends_at > now)


def count_levels(connection: Connection, build: ShownBuild) -> dict[str, tuple[int, int]]:
    """Of each level from review on: how many accounts there are, and how many of them are decided."""
    rows = account_rows.c
    statement = (
        select(rows.level, func.count(), func.count(standings.c.account_id))
        .select_from(account_rows)
        .outerjoin(standings, standings.c.account_id == rows.account_id)
        .where(rows.snapshot_id == build.id, rows.level.in_(LEVELS["flagged"]))
        .group_by(rows.level)
    )
    return {level: (int(total), int(decided)) for level, total, decided in connection.execute(statement)}


def measure_precision(connection: Connection, most: int = 200) -> list[tuple[str, str, int, int]]:
    """Of the last decisions, by model version and level: how many were confirmed, of how many confirmed or cleared."""
    columns = (decisions.c.model_version, decisions.c.level, decisions.c.verdict)
    judged = decisions.c.verdict.in_(("confirm", "clear"))
    last = select(*columns).where(judged).order_by(decisions.c.id.desc()).limit(most).subquery()
    counts: dict[tuple[str, str], list[int]] = {}
    for version, level, verdict in connection.execute(select(last)):
        pair = counts.setdefault((version or "–", level or "–"), [0, 0])
        pair[0] += verdict == "confirm"
        pair[1] += 1
    return [(version, level, confirmed, all_) for (version, level), (confirmed, all_) in sorted(counts.items())]
