"""Reports beside the truth: who, when and how much; and a disclosed campaign in small."""

import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.campaigns.report import (
    ReportedWorld,
    compare_report,
    compare_reports,
    make_reported_world,
    show_comparisons,
    train_champion,
    write_revealed,
)
from pipelines.settings import settings
from pipelines.workspace import Workspace
from tests.world_with_canaries import MARK


def test_a_report_names_dates_and_volumes_of_the_truth_and_any_other_number_is_noticed(
    made_world: Path,
    filled_workspace: Path,
    scores: pl.DataFrame,
    as_of: datetime,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STILLWATCH_KEY", key)
    settings.cache_clear()
    log = pl.scan_parquet(made_world / "requests" / "*.parquet").filter(pl.col("channel") != f"{MARK}channel")
    world = ReportedWorld(made_world, Workspace(shutil.copytree(filled_workspace, tmp_path / "workspace")), log, as_of)
    campaign = scores.drop_nulls("campaign_id")["campaign_id"].value_counts(sort=True)["campaign_id"][0]
    report = write_revealed(world, campaign, tmp_path / "out")
    compared = compare_report(world, report, tmp_path / "out")
    assert (compared.differences, compared.problems) == ((), ())
    assert 0 < compared.own <= compared.true <= compared.reported == report.size
    assert compared.own <= compared.accounts and 0 < compared.requests <= compared.all_requests
    daily = tmp_path / "out" / "tables" / "daily.csv"
    daily.write_text(daily.read_text().replace(str(report.figures.daily["requests"].max()), "7", 1))
    bundle = tmp_path / "out" / "stix.json"
    bundle.write_text(bundle.read_text().replace('"pattern_type": "stix"', '"pattern_type": 7', 1))
    spoiled = compare_report(world, report, tmp_path / "out")
    assert spoiled.differences == ("requests of the days",) and spoiled.problems
    truth = pl.DataFrame({"campaign": [compared.campaign, "another"], "len": [9, 7]})
    lines = show_comparisons([compared, spoiled], truth)
    assert f"{compared.own:,} of {compared.accounts:,}" in lines[2] and "valid" in lines[2]
    assert "requests of the days" in lines[3] and lines[-1] == "Not reported: another (7 accounts)."
    settings.cache_clear()


@pytest.mark.slow
def test_the_disclosed_proxy_network_is_reported_as_it_was(tmp_path: Path) -> None:
    world = make_reported_world("hydra-2026-06", scale=0.006, days=30, seed=0, folder=tmp_path)
    train_champion(world)
    compared = list(compare_reports(world, tmp_path / "reports"))
    assert compared
    for comparison in compared:
        assert (comparison.differences, comparison.problems) == ((), ())
        assert comparison.own / comparison.reported > 0.5
