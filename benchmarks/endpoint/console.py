"""The analysts' pages over a made-up build: how long the server takes for each, queue paging and all.

python -m benchmarks console [--accounts 100000] [--campaigns 1000] [--calls 100]
"""

import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from starlette.testclient import TestClient

from benchmarks.options import new_parser
from console.database.store import ConsoleStore, open_console_store, sqlite_url
from console.people.logins import LoginSessions
from console.people.passwords import ScryptCost
from console.people.users import UserBook
from console.picture.filling import LAST_BUILDS, fill_picture
from console.picture.frames import LEAST_RISK, USES, BuildPicture
from console.web.app import create_console
from console.web.call import ConsoleParts
from console.web.shield import COOKIE_NAME
from pipelines.console.alike import AlikeSearch
from pipelines.console.lake_decisions import LakeSink
from pipelines.workspace import Workspace

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
_TIME = pl.Datetime("us", "UTC")
_DAYS = 60
_INDICATOR = {"code": "campaign.shared_keys", "text": "shares openings of prompts", "value": 3.0, "typical": 1.0}


def main() -> None:
    """Fill a database, then call each page many times, one call after the other."""
    parser = new_parser("console", __doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--campaigns", type=int, default=1_000)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = open_console_store(sqlite_url(Path(scratch) / "console.db"))
        picture = made_up_build(options.accounts, options.campaigns)
        begin = time.process_time()
        fill_picture(store, picture)
        size = (Path(scratch) / "console.db").stat().st_size / 1e6
        print(f"fill: {options.accounts:,} accounts, {options.campaigns:,} campaigns: "
              f"{time.process_time() - begin:.1f} s of processor time, {size:,.0f} MB")  # fmt: skip
        measure_pages(store, Workspace(Path(scratch) / "workspace"), picture, options.calls)


def made_up_build(accounts: int, campaigns: int) -> BuildPicture:
    """A build of some size; one account in ten is flagged, and half of these are in a campaign."""
    numbers = np.arange(accounts)
    risk = np.random.default_rng(0).permutation(np.linspace(0, 1, accounts) ** 6)
    traffic = {
        "days": list(range(20_500, 20_500 + _DAYS)), "day_requests": [17] * _DAYS, "day_tokens": [12_345] * _DAYS,
        "hours": list(range(168)), "hour_requests": [6] * 168, "succeeded": 1, "throttled": 1, "refused": 0,
        "filtered": 0, "with_tools": 0, "input_tokens": 9, "output_tokens": 9, "reasoning_tokens": 9,
    }  # fmt: skip
    keys = [{"kind": kind, "keys": [1, 2, 3], "counts": [9, 8, 7], "distinct": 3} for kind in ("address", "model")]
    flagged = risk >= 0.5
    member = flagged & (numbers % 2 == 0)
    frame = pl.DataFrame({"account_id": [f"acct_{number:016x}" for number in numbers], "risk": risk}).with_columns(
        percentile=pl.lit(50.0),
        level=pl.when(pl.col("risk") >= 0.8).then(pl.lit("act")).when(pl.col("risk") >= 0.5).then(pl.lit("review"))
        .otherwise(pl.lit("low")),
        campaign_id=pl.when(pl.Series(member)).then(pl.format("campaign_{}", pl.Series(numbers // 2 % campaigns))),
        plan=pl.Series(np.array(["free", "pro", "team", "enterprise"])[numbers % 4]),
        used_for=pl.Series(np.array(USES)[numbers % len(USES)]),
        created_at=pl.lit(AS_OF).cast(_TIME),
        first_seen=pl.lit(AS_OF).cast(_TIME) - pl.duration(hours=pl.Series(numbers % 1_400)),
        last_seen=pl.lit(AS_OF).cast(_TIME),
        requests=pl.Series(numbers * 7_919 % 100_003),
        recent_requests=pl.Series(numbers % 997),
        tokens=pl.Series(numbers * 1.0),
        label=pl.when(pl.Series(numbers % 40 == 0)).then(pl.Series(numbers % 80 == 0)),
        label_campaign=pl.lit(None, pl.String),
        banned_at=pl.lit(None, _TIME),
        indicators=pl.lit(json.dumps({"indicators": [_INDICATOR | {"impact": 2.0}] * 5})),
        detail=pl.lit(json.dumps({"traffic": traffic, "shown": keys})),
    )  # fmt: skip
    members = frame.filter(pl.col("campaign_id").is_not_null()).select(
        "campaign_id", "account_id", membership=pl.lit(0.9), ties=pl.lit("openings of prompts"), joined_at="first_seen"
    )
    points = pl.concat(
        frame.filter(pl.col("risk") >= LEAST_RISK).select(
            "account_id", as_of=pl.lit(AS_OF - timedelta(days=day)).cast(_TIME), risk=pl.col("risk") ** (1 + day / 10)
        )
        for day in range(LAST_BUILDS)
    ).filter(pl.col("risk") >= LEAST_RISK)
    return BuildPicture(
        as_of=AS_OF, stamp="made up", model_version="1", thresholds=(0.5, 0.8), accounts=frame,
        campaigns=_campaigns(frame), members=members, points=points, summary={},
    )  # fmt: skip


def _campaigns(frame: pl.DataFrame) -> pl.DataFrame:
    grouped = frame.filter(pl.col("campaign_id").is_not_null()).group_by("campaign_id").agg(
        pl.col("risk").mean(), pl.col("requests", "tokens").sum(), pl.col("first_seen").min(),
        pl.col("last_seen").max(), accounts=pl.len(), ids=pl.col("account_id").head(150),
    )  # fmt: skip
    details = []
    for ids in grouped["ids"].to_list():
        course = [
            {"day": 1_770_000_000 + 86_400 * day, "requests": 9, "tokens": 9, "accounts": 3} for day in range(_DAYS)
        ]
        keys = [{"id": key, "kind": "prefix", "words": "openings of prompts", "sharers": 9} for key in range(40)]
        edges = [[account, key] for account in ids for key in range(0, 40, 7)]
        graph = {"accounts": ids, "keys": keys, "edges": edges, "hidden_accounts": 5, "hidden_keys": 0}
        details.append(json.dumps({"course": course, "graph": graph}))
    return grouped.drop("ids").with_columns(
        odds=pl.lit(2.0), reported_since=pl.col("first_seen"), banned=pl.lit(0), detail=pl.Series(details)
    )


def measure_pages(store: ConsoleStore, workspace: Workspace, picture: BuildPicture, calls: int) -> None:
    """Call each page, and print the quantiles of its time."""
    book = UserBook(store, ScryptCost(n=16, r=1, p=1))
    user = book.add("lead", "lead", "a long password", AS_OF)
    parts = ConsoleParts(
        store=store, users=book, logins=LoginSessions(store), audit=workspace.audit_log, sink=LakeSink(workspace),
        alike=AlikeSearch(workspace), clock=lambda: AS_OF + timedelta(hours=1),
    )  # fmt: skip
    client = TestClient(create_console(parts), follow_redirects=False)
    client.cookies.set(COOKIE_NAME, parts.logins.open(user, parts.clock()))
    past = f"{AS_OF - timedelta(days=3):%Y-%m-%dT%H:%M:%S}%2B00:00"
    largest = picture.campaigns.sort("accounts", descending=True)["campaign_id"][0]
    riskiest = picture.accounts.sort("risk", descending=True)["account_id"]
    pages = {
        "queue": ["/"],
        "queue, page 2,000 of all": ["/?level=all&page=2000"],
        "queue by volume, all": [f"/?level=all&sort=volume&page={page}" for page in range(1, 50)],
        "queue by novelty": ["/?sort=novelty"],
        "queue, a plan from a day on": ["/?level=all&plan=team&since=2026-05-20"],
        "queue, a use": ["/?level=all&use=coding", "/?level=all&use=coding&sort=volume"],
        "campaigns": ["/?kind=campaigns", "/?kind=campaigns&sort=volume&page=20"],
        "account": [f"/account?id={account}" for account in riskiest[:50]],
        "campaign": [f"/campaign?id={largest}"],
        "campaign's graph": [f"/campaign/graph?id={largest}"],
        "what a ban would change": [f"/effect/ban?campaign={largest}"],
        "what thresholds would change": ["/effect/thresholds?review=0.2&act=0.9"],
        "… at any of the last 8 builds": ["/effect/thresholds?review=0.2&act=0.9&past=all"],
        "… at one of them": [f"/effect/thresholds?review=0.2&act=0.9&past={past}"],
        "cases": ["/cases"],
    }
    print(f"{'':<34}{'p50 ms':>9}{'p95 ms':>9}{'most':>9}{'CPU p95 ms':>13}")
    for name, addresses in pages.items():
        walls, works = [], []
        for call in range(calls):
            begin, worked = time.perf_counter(), time.process_time()
            answer = client.get(addresses[call % len(addresses)])
            walls.append(1e3 * (time.perf_counter() - begin))
            works.append(1e3 * (time.process_time() - worked))
            assert answer.status_code == 200, f"{name}: {answer.status_code}"
        wall, work = np.quantile(walls, [0.5, 0.95, 1]), np.quantile(works, 0.95)
        print(f"{name:<34}{wall[0]:>9.0f}{wall[1]:>9.0f}{wall[2]:>9.0f}{work:>13.0f}", flush=True)


if __name__ == "__main__":
    main()
