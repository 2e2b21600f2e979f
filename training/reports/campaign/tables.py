"""The tables of an evidence file, as CSV."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from features.campaign_report.figures import LEAST_GROUP
from training.reports.campaign.value import CampaignReport

_FORMULA = r"^[=+\-@\t\r]"
"""How a cell begins that a spreadsheet would run as a formula."""


def tables(report: CampaignReport) -> Mapping[str, pl.DataFrame]:
    """The tables by name; none names an account, and none counts fewer than `LEAST_GROUP` of them."""
    figures, accounts = report.figures, pl.col("accounts")
    is_shown = (accounts >= LEAST_GROUP) | (accounts == 0)
    return {
        "accounts": report.accounts,
        "daily": figures.daily.with_columns(
            accounts=pl.when(is_shown).then(accounts), tokens=pl.col("input_tokens") + pl.col("output_tokens")
        ),
        "models": figures.models,
        "capabilities": figures.capabilities,
        "languages": figures.languages,
        "pivots": figures.pivots,
        "shared_keys": report.shared.table,
        "indicators": report.indicators,
    }


def write_tables(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write each table into a folder; a text that begins like a formula gets an apostrophe before it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = pl.col(pl.String)
    safe = pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text)
    for name, frame in frames.items():
        frame.with_columns(safe.name.keep()).write_csv(
            folder / f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ", float_precision=6
        )
