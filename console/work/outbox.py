"""The outbox: labels for the lake and messages for the platform, tried again until they have arrived."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Row, select, update

from console.database.store import ConsoleStore
from console.database.tables import outbox
from console.ports import DecisionSink, JudgedAccount, WebhookTarget
from console.work.decisions import LAKE, WEBHOOK

SIGNATURE, EVENT_ID = "X-Stillwatch-Signature", "X-Stillwatch-Event"
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
MOST_TRIES = 40
"""Tries of a message before it is given up: some 30 hours. Doubled, it waits for three days."""
_SECONDS = 10.0  # that the platform may take
log = logging.getLogger("stillwatch.console")


@dataclass(frozen=True)
class Deliverer:
    """Delivers what is due.

    Attributes:
        store: the database.
        sink: the lake's side.
        target: where messages go; None keeps them.
    """

    store: ConsoleStore
    sink: DecisionSink
    target: WebhookTarget | None = None

    def deliver(self, now: datetime) -> int:
        """Try what is due, the oldest first; return how much arrived. What failed is tried again later."""
        return self._deliver(LAKE, now, self._to_lake) + (
            0 if self.target is None else self._deliver(WEBHOOK, now, self._to_platform)
        )

    def _deliver(self, channel: str, now: datetime, send: Callable[[Row[Any], datetime], str]) -> int:
        due = select(outbox).where(outbox.c.channel == channel, outbox.c.next_at <= now).order_by(outbox.c.id)
        with self.store.reading() as connection:
            rows = connection.execute(due.limit(100)).all()
        arrived = 0
        for row in rows:
            problem = send(row, now)
            arrived += not problem
            self._settle(row, now, problem)
            if problem and channel == LAKE:
                break  # in order: a later decision never arrives before an earlier one
        return arrived

    def _settle(self, row: Row[Any], now: datetime, problem: str) -> None:
        tries = row.attempts + 1
        values: dict[str, object] = {"attempts": tries, "error": problem or None}
        if not problem:
            values |= {"next_at": None, "done_at": now}
        elif row.channel == WEBHOOK and tries >= MOST_TRIES:
            log.error("a message to the platform is given up after %d tries: %s", tries, problem)
            values |= {"next_at": None}
        else:
            wait = min(FIRST_WAIT * 2 ** min(tries - 1, 12), LONGEST_WAIT if row.channel == WEBHOOK else FIRST_WAIT)
            values |= {"next_at": now + wait}
        with self.store.writing() as connection:
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(**values))

    def _to_lake(self, row: Row[Any], _now: datetime) -> str:
        body = json.loads(row.body)
        judged = [JudgedAccount(**each) for each in body["judged"]]
        is_stored = self.sink.store(row.event_id, judged, datetime.fromisoformat(body["decided_at"]))
        return "" if is_stored else "another command holds the workspace"

    def _to_platform(self, row: Row[Any], now: datetime) -> str:
        assert self.target is not None
        headers = {
            "content-type": "application/json",
            EVENT_ID: row.event_id,
            SIGNATURE: sign_message(self.target.secret, row.body, now),
        }
        try:
            answer = httpx.post(self.target.url, content=row.body, headers=headers, timeout=_SECONDS)
        except httpx.HTTPError as error:
            return type(error).__name__
        return "" if answer.is_success else f"status {answer.status_code}"


def sign_message(secret: bytes, body: str, now: datetime) -> str:
    """Sign a message with the time, so that an old one can't be sent again: `t=SECONDS,v1=HMAC-SHA256 of t.body`."""
    seconds = int(now.timestamp())
    digest = hmac.new(secret, f"{seconds}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def count_waiting(store: ConsoleStore) -> dict[str, int]:
    """How many deliveries wait, by channel."""
    with store.reading() as connection:
        rows = connection.execute(select(outbox.c.channel).where(outbox.c.next_at.is_not(None))).scalars().all()
    return {channel: rows.count(channel) for channel in (LAKE, WEBHOOK)}
