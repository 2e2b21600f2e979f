"""Filling the database with the picture of a build, beside the one that is shown, which it then replaces."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update

from console.database.store import ConsoleStore
from console.database.tables import (
    PICTURE,
    account_rows,
    campaign_rows,
    decisions,
    member_rows,
    past_builds,
    risk_points,
    snapshots,
)
from console.picture.frames import (
    ACCOUNT_COLUMNS,
    CAMPAIGN_COLUMNS,
    MEMBER_COLUMNS,
    POINT_COLUMNS,
    BuildPicture,
)

_CHUNK = 5_000  # rows of one transaction: analysts wait no longer than one takes, some 0.2 s
_MOST_TIMES = 60  # times of which the risks of flagged accounts stay; a build a day makes two months
LAST_BUILDS = 8
"""Builds of which all risks are kept, the shown one among them, to tell whom a threshold would have flagged. A build a
day makes a week. Doubled, the database grows by a tenth, and the page of thresholds takes twice as long."""


def shown_stamp(store: ConsoleStore) -> str | None:
    """The stamp of the picture that is shown; None before the first."""
    with store.reading() as connection:
        return connection.execute(select(snapshots.c.stamp).where(snapshots.c.is_current)).scalar_one_or_none()


def fill_picture(store: ConsoleStore, picture: BuildPicture) -> None:
    """Store a picture and show it. Readers see the old one until then; a killed fill leaves it shown."""
    with store.writing() as connection:
        _drop_others(connection)
        values = {
            "as_of": picture.as_of,
            "stamp": picture.stamp,
            "model_version": picture.model_version,
            "review_threshold": picture.thresholds[0],
            "act_threshold": picture.thresholds[1],
            "is_current": False,
            "summary": json.dumps(picture.summary, default=str),
        }
        key = connection.execute(insert(snapshots).values(**values)).inserted_primary_key
        assert key is not None
        snapshot_id = key[0]
    _add_points(store, picture)
    accounts = picture.accounts.join(_highest_risks(store, picture.as_of), on="account_id", how="left")
    for table, frame, columns in (
        (account_rows, accounts, (*ACCOUNT_COLUMNS, "highest_risk")),
        (campaign_rows, picture.campaigns, CAMPAIGN_COLUMNS),
        (member_rows, picture.members, MEMBER_COLUMNS),
    ):
        _insert(store, table, frame.select(pl.lit(snapshot_id).alias("snapshot_id"), *columns))
    with store.writing() as connection:
        _mark_flagged(connection, snapshot_id, picture.thresholds[0])
        _show_later_bans(connection, snapshot_id, picture.as_of)
        connection.execute(update(snapshots).values(is_current=snapshots.c.id == snapshot_id))
        _drop_others(connection)
        _thin_points(connection, snapshot_id, picture.as_of)
    with store.writing() as connection:
        connection.exec_driver_sql("ANALYZE" if store.engine.dialect.name == "postgresql" else "PRAGMA optimize")


def _drop_others(connection: Connection) -> None:
    """Drop all pictures but the one that is shown."""
    others = select(snapshots.c.id).where(~snapshots.c.is_current)
    for table in PICTURE:
        connection.execute(delete(table).where(table.c.snapshot_id.in_(others)))
    connection.execute(delete(snapshots).where(~snapshots.c.is_current))


def _insert(store: ConsoleStore, table: Table, frame: pl.DataFrame) -> None:
    for rows in _chunks(frame):
        with store.writing() as connection:
            connection.execute(insert(table), rows)


def _chunks(frame: pl.DataFrame) -> Iterator[Sequence[dict[str, Any]]]:
    yield from (part.to_dicts() for part in frame.iter_slices(_CHUNK))


def _add_points(store: ConsoleStore, picture: BuildPicture) -> None:
    """Add risks, in the place of those that another model gave; a build is told of once all of them are there.

    What the same model gave to an earlier build stays, so that most fills write one build's risks only.
    """
    with store.reading() as connection:
        versions = {build.as_of: build.model_version for build in connection.execute(select(past_builds))}
    given = picture.points["as_of"].unique().to_list()
    times = [time for time in given if time == picture.as_of or versions.get(time) != picture.model_version]
    for time in times:
        with store.writing() as connection:
            for table in (past_builds, risk_points):
                connection.execute(delete(table).where(table.c.as_of == time))
    points = picture.points.filter(pl.col("as_of").is_in(times))
    _insert(store, risk_points, points.select(*POINT_COLUMNS, model_version=pl.lit(picture.model_version)))
    with store.writing() as connection:
        rows = [{"as_of": time, "model_version": picture.model_version} for time in times]
        if rows:
            connection.execute(insert(past_builds), rows)


def last_builds(connection: Connection, as_of: datetime) -> Sequence[Any]:
    """The builds up to a time of which all risks are kept, the newest first: `as_of`, `model_version`."""
    builds = select(past_builds).where(past_builds.c.as_of <= as_of).order_by(past_builds.c.as_of.desc())
    return connection.execute(builds.limit(LAST_BUILDS)).all()


def _highest_risks(store: ConsoleStore, as_of: datetime) -> pl.DataFrame:
    """`account_id`, `highest_risk` at one of the last builds, of the accounts that have any."""
    points = risk_points.c
    with store.reading() as connection:
        times = [build.as_of for build in last_builds(connection, as_of)]
        highest = select(points.account_id, func.max(points.risk)).where(points.as_of.in_(times))
        rows = connection.execute(highest.group_by(points.account_id)).all()
    schema = {"account_id": pl.String, "highest_risk": pl.Float64}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def _thin_points(connection: Connection, snapshot_id: int, as_of: datetime) -> None:
    """Of builds before the last ones keep the risks of accounts that are flagged now, and none of the oldest."""
    oldest = last_builds(connection, as_of)[-1:]
    if not oldest:
        return
    rows, points = account_rows.c, risk_points.c
    is_before = points.as_of < oldest[0].as_of
    low = select(rows.account_id).where(
        rows.snapshot_id == snapshot_id, rows.level == "low", rows.campaign_id.is_(None)
    )
    connection.execute(delete(risk_points).where(is_before, points.account_id.in_(low)))
    connection.execute(delete(past_builds).where(past_builds.c.as_of < oldest[0].as_of))
    newest = select(points.as_of).distinct().order_by(points.as_of.desc())
    too_old = connection.execute(newest.offset(_MOST_TIMES).limit(1)).scalar_one_or_none()
    if too_old is not None:
        connection.execute(delete(risk_points).where(points.as_of <= too_old))


def show_ban(connection: Connection, snapshot_id: int, account_ids: Sequence[str], banned_at: datetime | None) -> None:
    """Show of accounts that they are banned since a time, or None for no more, although the build knew otherwise."""
    own = and_(account_rows.c.snapshot_id == snapshot_id, account_rows.c.account_id.in_(account_ids))
    connection.execute(update(account_rows).where(own).values(banned_at=banned_at))


def _show_later_bans(connection: Connection, snapshot_id: int, as_of: datetime) -> None:
    """Show what was decided after the time of a build, which can't know of it."""
    decided = select(decisions.c.account_id, decisions.c.enforcement, decisions.c.decided_at).order_by(decisions.c.id)
    is_later = and_(decisions.c.decided_at > as_of, decisions.c.enforcement.in_(("ban", "restore")))
    for account_id, action, moment in connection.execute(decided.where(is_later)).all():
        show_ban(connection, snapshot_id, [account_id], moment if action == "ban" else None)


def _mark_flagged(connection: Connection, snapshot_id: int, review: float) -> None:
    """Note from when on an account was at or above the review threshold."""
    first = (
        select(func.min(risk_points.c.as_of))
        .where(risk_points.c.account_id == account_rows.c.account_id, risk_points.c.risk >= review)
        .scalar_subquery()
    )
    flagged = update(account_rows).where(account_rows.c.snapshot_id == snapshot_id, account_rows.c.level != "low")
    connection.execute(flagged.values(flagged_since=first))
