"""Filling the database with the picture of a build, beside the one that is shown, which it then replaces."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Table, delete, func, insert, select, update

from console.database.store import ConsoleStore
from console.database.tables import PICTURE, account_rows, campaign_rows, member_rows, risk_points, snapshots
from console.picture.frames import (
    ACCOUNT_COLUMNS,
    CAMPAIGN_COLUMNS,
    MEMBER_COLUMNS,
    POINT_COLUMNS,
    BuildPicture,
)

_CHUNK = 5_000  # rows of one transaction: analysts wait no longer than one takes, some 0.2 s
_MOST_TIMES = 60  # times of which risks stay; a build a day makes two months


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
    for table, frame, columns in (
        (account_rows, picture.accounts, ACCOUNT_COLUMNS),
        (campaign_rows, picture.campaigns, CAMPAIGN_COLUMNS),
        (member_rows, picture.members, MEMBER_COLUMNS),
    ):
        _insert(store, table, frame.select(pl.lit(snapshot_id).alias("snapshot_id"), *columns))
    _add_points(store, picture)
    with store.writing() as connection:
        _mark_flagged(connection, snapshot_id, picture.thresholds[0])
        connection.execute(update(snapshots).values(is_current=snapshots.c.id == snapshot_id))
        _drop_others(connection)
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
    """Add risks, in the place of older ones of the same times, and drop those of the oldest times."""
    frame = picture.points.select(*POINT_COLUMNS, model_version=pl.lit(picture.model_version))
    with store.writing() as connection:
        times = frame["as_of"].unique().to_list()
        connection.execute(delete(risk_points).where(risk_points.c.as_of.in_(times)))
        if not frame.is_empty():
            connection.execute(insert(risk_points), frame.to_dicts())
        newest = select(risk_points.c.as_of).distinct().order_by(risk_points.c.as_of.desc())
        oldest = connection.execute(newest.offset(_MOST_TIMES - 1).limit(1)).scalar_one_or_none()
        if oldest is not None:
            connection.execute(delete(risk_points).where(risk_points.c.as_of < oldest))


def _mark_flagged(connection: Connection, snapshot_id: int, review: float) -> None:
    """Note from when on an account was at or above the review threshold."""
    first = (
        select(func.min(risk_points.c.as_of))
        .where(risk_points.c.account_id == account_rows.c.account_id, risk_points.c.risk >= review)
        .scalar_subquery()
    )
    flagged = update(account_rows).where(account_rows.c.snapshot_id == snapshot_id, account_rows.c.level != "low")
    connection.execute(flagged.values(flagged_since=first))
