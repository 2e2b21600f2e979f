"""The tables of an evidence file, as CSV."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from training.reports.campaign.tables import tables, write_tables
from training.reports.campaign.value import CampaignReport


def test_each_table_is_a_file_that_reads_back_with_the_same_figures(report: CampaignReport, tmp_path: Path) -> None:
    frames = tables(report)
    write_tables(frames, tmp_path / "tables")
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == set(frames)
    daily = pl.read_csv(tmp_path / "tables" / "daily.csv")
    assert daily["tokens"].sum() == report.figures.tokens and daily["requests"].sum() == report.figures.requests
    accounts = pl.read_csv(tmp_path / "tables" / "accounts.csv")
    assert accounts["first_seen"][0] == "2026-05-01T03:00:00Z"
    assert accounts.columns == report.accounts.columns


def test_a_day_of_fewer_than_five_accounts_has_no_count_of_them(
    report: CampaignReport, changed: Callable[..., CampaignReport]
) -> None:
    few = report.figures.daily.with_columns(accounts=pl.Series([4, 0, 5]))
    daily = tables(changed(figures=replace(report.figures, daily=few)))["daily"]
    assert daily["accounts"].to_list() == [None, 0, 5]
    assert daily["requests"].sum() == report.figures.requests


def test_no_table_names_an_account(report: CampaignReport, tmp_path: Path) -> None:
    write_tables(tables(report), tmp_path)
    assert not any("acct_" in path.read_text() for path in tmp_path.iterdir())


def test_a_text_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path) -> None:
    write_tables({"t": pl.DataFrame({"name": ["=1+1", "@x", "plain"], "count": [-1, 2, 3]})}, tmp_path)
    assert pl.read_csv(tmp_path / "t.csv").rows() == [("'=1+1", -1), ("'@x", 2), ("plain", 3)]
