"""A console over a made-up build: a real database, a real audit log, a real lake; no model."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from console.database.store import ConsoleStore, open_console_store, sqlite_url
from console.people.logins import LoginSessions
from console.people.passwords import ScryptCost
from console.people.users import UserBook
from console.picture.filling import fill_picture
from console.picture.frames import LEAST_RISK, BuildPicture
from console.ports import AlikeAccount
from console.web.app import create_console
from console.web.call import ConsoleParts
from console.web.shield import COOKIE_NAME
from pipelines.console.lake_decisions import LakeSink
from pipelines.workspace import Workspace

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NOW = AS_OF + timedelta(hours=9)
EVIL = "<script>alert(1)</script>'\"&"
PASSWORD = "correct horse battery"
CAMPAIGN = "campaign_0000000000000001"
QUERIES = {  # of the pages that are about something; case 1 is opened by the test
    "/account": {"id": "acct_0001"},
    "/alike": {"account": "acct_0001"},
    "/campaign": {"id": CAMPAIGN},
    "/campaign/graph": {"id": CAMPAIGN},
    "/effect/ban": {"campaign": CAMPAIGN},
    "/find": {"q": "acct_0001"},
}
_TRAFFIC = {
    "days": [20600, 20602], "day_requests": [5, 7], "day_tokens": [50, 70], "hours": [0, 167], "hour_requests": [5, 7],
    "succeeded": 11, "throttled": 1, "refused": 0, "filtered": 0, "with_tools": 0, "input_tokens": 100,
    "output_tokens": 20, "reasoning_tokens": 0,
}  # fmt: skip
_SHOWN = [{"kind": "capability", "keys": [1], "counts": [12], "distinct": 1}]


def account_id(number: int) -> str:
    return EVIL if number == 0 else f"acct_{number:04d}"


def accounts(count: int) -> pl.DataFrame:
    """Accounts of falling risk, the first three in the campaign; the first has a script for an id."""
    risks = [round(0.99 * (1 - number / count) ** 2, 6) for number in range(count)]
    indicator = {
        "code": "campaign.shared_keys",
        "text": f"shares {EVIL}",
        "value": 3.0,
        "typical": None,
        "impact": 1.5,
        "typical_of_use": 1.25,
    }
    rows = [
        {
            "account_id": account_id(number), "risk": risk, "percentile": 50.0,
            "level": "act" if risk >= 0.8 else "review" if risk >= 0.3 else "low",
            "campaign_id": CAMPAIGN if number < 3 else None, "plan": ("free", "pro", "team")[number % 3],
            "used_for": ("coding", "tools")[number % 2],
            "created_at": AS_OF - timedelta(days=60), "first_seen": AS_OF - timedelta(days=number % 50 + 1),
            "last_seen": AS_OF - timedelta(hours=1), "requests": number * 7 % 1000, "recent_requests": number % 11,
            "tokens": float(number), "label": {7: True, 8: False, 9: True}.get(number),
            "label_campaign": None, "banned_at": None,
            "indicators": json.dumps({"indicators": [indicator] if risk >= 0.3 else []}),
            "detail": json.dumps({"traffic": _TRAFFIC, "shown": _SHOWN}),
        }
        for number, risk in enumerate(risks)
    ]  # fmt: skip
    time = pl.Datetime("us", "UTC")
    kinds = {"label": pl.Boolean, "label_campaign": pl.String, "banned_at": time}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)


def make_picture(
    count: int = 60, stamp: str = "first", as_of: datetime = AS_OF, earlier: pl.DataFrame | None = None
) -> BuildPicture:
    """A build of some accounts and one campaign; `earlier` are risks at times before it."""
    frame = accounts(count)
    points = frame.filter(pl.col("risk") >= LEAST_RISK).select("account_id", pl.lit(as_of).alias("as_of"), "risk")
    members = [account_id(number) for number in range(3)]
    detail = {
        "course": [{"day": 1779840000, "requests": 12, "tokens": 100, "accounts": 3}],
        "models": [{"key": 77, "day": 1779840000, "requests": 12}],
        "capabilities": [{"key": 1, "requests": 12}],
        "bans": {"first_ban": "2026-05-20 00:00:00+00:00", "banned": 1, "successors": 2},
        "lineage": [{"as_of": "2026-05-20T00:00:00Z", "past_id": "campaign_2", "accounts": 4, "relation": "merged"}],
        "evidence": [{"words": "openings of prompts", "accounts": 3, "keys": 2, "others": 2, "share": 1.0}],
        "graph": {
            "accounts": members, "edges": [[member, 5] for member in members], "hidden_accounts": 2, "hidden_keys": 0,
            "keys": [{"id": 5, "kind": "prefix", "words": "openings of prompts", "sharers": 3}],
        },
    }  # fmt: skip
    campaigns = frame.head(1).select(
        "first_seen", "last_seen", "risk", campaign_id=pl.lit(CAMPAIGN), accounts=pl.lit(3), requests=pl.lit(12),
        tokens=pl.lit(100.0), odds=pl.lit(2.5), reported_since=pl.lit(as_of), banned=pl.lit(0),
        detail=pl.lit(json.dumps(detail)),
    )  # fmt: skip
    joined = pl.DataFrame({"account_id": members}).with_columns(
        campaign_id=pl.lit(CAMPAIGN),
        membership=pl.lit(0.9),
        ties=pl.lit("openings of prompts"),
        joined_at=pl.lit(as_of),
    )
    return BuildPicture(
        as_of=as_of,
        stamp=stamp,
        model_version="1",
        thresholds=(0.3, 0.8),
        accounts=frame,
        campaigns=campaigns,
        members=joined,
        points=points if earlier is None else pl.concat([points, earlier]),
        summary={"ruled_out": [], "releases": []},
    )


class AlikeByNumber:
    """Every account is like the next one."""

    def find(self, accounts: list[str], most: int) -> list[AlikeAccount] | None:
        return [AlikeAccount(account_id(number), 0.9 - number / 100, ["alike in rhythm"]) for number in range(3, 6)]


@pytest.fixture(params=["sqlite"])
def store(tmp_path: Path) -> Iterator[ConsoleStore]:
    opened = open_console_store(sqlite_url(tmp_path / "console" / "console.db"))
    yield opened
    opened.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def parts(store: ConsoleStore, workspace: Workspace) -> ConsoleParts:
    book = UserBook(store, ScryptCost(n=16, r=1, p=1))
    for name, role in (("rita", "reader"), ("ann", "analyst"), ("bob", "analyst"), ("lea", "lead"), ("ada", "admin")):
        book.add(name, role, PASSWORD, NOW)
    fill_picture(store, make_picture())
    return ConsoleParts(
        store=store,
        users=book,
        logins=LoginSessions(store),
        audit=workspace.audit_log,
        sink=LakeSink(workspace),
        alike=AlikeByNumber(),
        clock=lambda: NOW,
    )


class Browser:
    """Somebody's browser: it keeps the session and shows the token of its forms."""

    def __init__(self, parts: ConsoleParts, name: str | None) -> None:
        self.client = TestClient(create_console(parts), base_url="http://console", follow_redirects=False)
        self.csrf = ""
        if name is not None:
            user = parts.users.by_name(name)
            assert user is not None
            token = parts.logins.open(user, parts.clock())
            self.client.cookies.set(COOKIE_NAME, token)
            visitor = parts.logins.visitor(token, parts.clock())
            assert visitor is not None
            self.csrf = visitor.csrf

    def get(self, path: str, **query: str):
        return self.client.get(path, params=query)

    def post(self, path: str, **fields: object):
        return self.client.post(path, data={"csrf": self.csrf} | fields)


Open = Callable[[str | None], Browser]


@pytest.fixture
def browse(parts: ConsoleParts) -> Open:
    """Opens the browser of a user, already signed in; of nobody for None."""
    return lambda name: Browser(parts, name)
