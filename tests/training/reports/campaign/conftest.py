"""A made-up campaign, as a report shows it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from features.campaign_report.figures import CampaignFigures
from features.campaign_report.shared_keys import SharedKeys
from training.fitting.train import Trained
from training.reports.campaign.value import CampaignReport, Method

BEGIN, END = datetime(2026, 5, 1, 3, tzinfo=UTC), datetime(2026, 5, 20, 21, tzinfo=UTC)
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
KEYS = {
    "kind": pl.String, "words": pl.String, "pseudonym": pl.String, "is_infrastructure": pl.Boolean,
    "accounts": pl.Int64, "first_seen": TIME, "last_seen": TIME, "requests": pl.Int64,
}  # fmt: skip


def table(columns: str, types: list[Any], *rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(zip(columns.split(), types, strict=True)), orient="row")


def make_figures() -> CampaignFigures:
    counts = [pl.String, pl.Int64, pl.Int64]
    named = "name accounts requests"
    return CampaignFigures(
        campaign_id="campaign_0123456789abcdef",
        as_of=AS_OF,
        first_seen=BEGIN,
        last_seen=END,
        requests=300,
        input_tokens=9_000,
        output_tokens=6_000,
        members=pl.DataFrame({"account_id": [f"acct_{i}" for i in range(6)]}),
        daily=table(
            "day accounts requests input_tokens output_tokens",
            [pl.Date, *[pl.Int64] * 4],
            (date(2026, 5, 1), 6, 100, 3_000, 2_000),
            (date(2026, 5, 2), 0, 0, 0, 0),
            (date(2026, 5, 3), 6, 200, 6_000, 4_000),
        ),
        models=table(named, counts, ("new-model", 6, 280), ("shown by fewer than 5 accounts each", None, 20)),
        capabilities=table(named, counts, ("coding", 6, 300)),
        languages=table(named, counts, ("en", 6, 300)),
        pivots=table(
            "model released_at first_used accounts accounts_1d accounts_7d share_7d",
            [pl.String, TIME, TIME, *[pl.Int64] * 3, pl.Float64],
            ("new-model", BEGIN, BEGIN, 6, 5, 6, 0.75),
        ),
    )


@pytest.fixture(scope="session")
def report(trained: Trained) -> CampaignReport:
    """A campaign of six accounts that share a template, a subnet and a payment instrument."""
    keys = [
        ("prefix", "openings of prompts", "prefix-aaaaaaaaaaaa", False, 6, BEGIN, END, 250),
        ("subnet", "subnets", "subnet-bbbbbbbbbbbb", True, 6, BEGIN, BEGIN, 90),
        ("payment", "payment instruments", "payment-cccccccccccc", True, 5, None, None, None),
    ]
    members = {
        "account": [f"account-{i:012x}" for i in range(6)], "plan": ["free"] * 6, "registered": [date(2026, 4, 30)] * 6,
        "first_seen": [BEGIN] * 6, "last_seen": [END] * 6, "requests": [50] * 6, "tokens": [2_500] * 6,
        "membership": [1.0] * 6, "risk": [0.9] * 6, "banned_at": [END, *[None] * 5],
    }  # fmt: skip
    return CampaignReport(
        author="Example <Provider>",
        created_at=AS_OF,
        release="0.1.0",
        figures=make_figures(),
        shared=SharedKeys(pl.DataFrame(keys, schema=KEYS, orient="row"), pl.Series([1, 2, 3]), 2),
        accounts=pl.DataFrame(members),
        indicators=pl.DataFrame({"signal": ["one template"], "accounts": [6]}),
        mean_risk=0.9,
        log_odds=3.2,
        surprise=12.0,
        banned=1,
        successors=2,
        volume_kept=0.4,
        method=Method(
            version="4",
            trained_as_of="2026-05-30T00:00:00+00:00",
            counts=trained.counts,
            report=trained.report,
            thresholds={"review": 0.3, "act": 0.8},
        ),
        limits=("No figure stands for fewer than 5 accounts.",),
    )


@pytest.fixture(scope="session")
def changed(report: CampaignReport) -> Callable[..., CampaignReport]:
    """The report with other fields."""
    return lambda **fields: replace(report, **fields)
