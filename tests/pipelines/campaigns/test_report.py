"""The command `report`: its figures agree with the lake, it names nobody, and each bad call is one sentence."""

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import stix2validator

from docs_tools.browsing import browser, chromium, collect_script_errors
from pipelines.campaigns.report import ReportRequest, write_report
from pipelines.settings import settings
from pipelines.workspace import Workspace
from tests.accessibility import list_barriers
from training import tracking
from training.reports.campaign.value import CampaignReport
from training.reports.text import show_estimate

Run = Callable[..., object]


@dataclass(frozen=True)
class Written:
    """A report with `--reveal`, and what it is of."""

    folder: Path
    report: CampaignReport
    workspace: Workspace
    members: pl.Series

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_csv(self.folder / "tables" / f"{name}.csv", try_parse_dates=True)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(
    filled_workspace: Path, made_world: Path, key: str, as_of: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Written]:
    folder = tmp_path_factory.mktemp("report")
    workspace = Workspace(shutil.copytree(filled_workspace, folder / "workspace"))
    scores = pl.read_parquet(filled_workspace / "scores.parquet")
    campaign = scores.drop_nulls("campaign_id")["campaign_id"].value_counts(sort=True)["campaign_id"][0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()
        sources = {"requests": folder / "log.csv", "accounts": folder / "accounts.csv"}  # ingested as Parquet
        pl.read_parquet(made_world / "requests" / "*.parquet").drop("prompt", "system_prompt").write_csv(
            sources["requests"]
        )
        pl.read_parquet(made_world / "accounts.parquet").write_csv(sources["accounts"])
        request = ReportRequest(
            campaign_id=campaign, as_of=as_of, out=folder / "out", author="A provider", reveal=True, sources=sources
        )
        report = write_report(workspace, request, lambda _step, _done: None, now=as_of)
        yield Written(folder / "out", report, workspace, report.figures.members["account_id"])
    settings.cache_clear()


@pytest.fixture(scope="module")
def sent(written: Written, as_of: datetime) -> pl.DataFrame:
    """The members' events, by plain Polars."""
    events = written.workspace.lake.scan("events").filter(pl.col("timestamp") <= as_of).collect()
    return events.filter(pl.col("account_id").is_in(written.members.implode()))


def test_the_figures_agree_with_the_lake_to_the_unit(written: Written, sent: pl.DataFrame) -> None:
    figures, tokens = written.report.figures, sent["input_tokens"].sum() + sent["output_tokens"].sum()
    assert (figures.requests, figures.tokens) == (sent.height, tokens)
    assert f"{sent.height:,} requests with {tokens:,} tokens" in written.read("report.html")
    daily, accounts = written.table("daily"), written.table("accounts")
    assert (daily["requests"].sum(), daily["tokens"].sum()) == (sent.height, tokens)
    by_day = sent.group_by("day").len().sort("day")
    assert daily.filter(pl.col("requests") > 0)["requests"].to_list() == by_day["len"].to_list()
    assert (accounts["requests"].sum(), accounts["tokens"].sum()) == (sent.height, tokens)
    assert accounts["first_seen"].min() == sent["timestamp"].min().replace(minute=0, second=0, microsecond=0)
    assert written.table("models")["requests"].sum() == sent.height
    event, (campaign,) = json.loads(written.read("ocsf.json")), of_type(written, "campaign")
    assert event["count"] == sent.height and event["start_time"] == figures.first_seen.timestamp() * 1000
    assert campaign["first_seen"] == f"{figures.first_seen:%Y-%m-%dT%H:%M:%SZ}"


def test_who_has_a_campaign_in_the_scores_is_in_its_report_also_when_silent(
    written: Written, scores: pl.DataFrame
) -> None:
    own = scores.filter(pl.col("campaign_id") == written.report.figures.campaign_id)["account_id"]
    assert set(own) <= set(written.members)
    assert written.report.size == written.members.len() == written.table("accounts").height


def test_moves_to_new_models_agree_with_the_lake(written: Written, sent: pl.DataFrame, as_of: datetime) -> None:
    releases = written.workspace.lake.releases(as_of).sort("released_at", "model")
    shown = releases.filter(pl.col("released_at") >= written.report.figures.first_seen)
    assert shown.height == written.report.figures.pivots.height > 0
    rows, wanted = written.report.figures.pivots.to_dicts(), shown.select("model", "released_at").rows()
    for row, (model, released) in zip(rows, wanted, strict=True):
        hour = released.replace(minute=0, second=0, microsecond=0)
        used = sent.filter((pl.col("model") == model) & (pl.col("timestamp") >= hour))["account_id"].n_unique()
        assert row["accounts"] == (used if used >= 5 else None)


def test_risks_are_those_of_the_scores_and_error_rates_those_of_the_registry(
    written: Written, scores: pl.DataFrame
) -> None:
    own = scores.filter(pl.col("account_id").is_in(written.members.implode()))
    assert written.report.mean_risk == pytest.approx(own["risk"].mean(), abs=1e-12)
    uri = written.workspace.tracking_uri
    version = tracking.champion_version(uri)
    assert version is not None
    judged = tracking.report(uri, version)
    page = written.read("report.html")
    assert all(show_estimate(e) in page for e in judged.estimates if e.value is not None)


def test_nothing_that_is_to_be_shared_names_an_account(written: Written, made_world: Path) -> None:
    truth = pl.read_parquet(made_world / "truth.parquet")["account_id"].unique()
    files = [path for path in written.folder.rglob("*") if path.is_file() and "revealed" not in path.parts]
    assert len(files) > 8
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "acct_" not in text and not any(name in text for name in truth)


def test_no_row_stands_for_fewer_than_five_accounts_but_for_accounts_by_pseudonym(written: Written) -> None:
    for name in ("models", "capabilities", "languages", "shared_keys", "indicators", "pivots", "daily"):
        counts = written.table(name)["accounts"].drop_nulls().replace(0, None).drop_nulls()
        assert len(counts) and (counts >= 5).all()
    assert written.table("accounts")["account"].str.contains("^account-[0-9a-f]{12}$").all()


def test_the_bundles_are_valid(written: Written) -> None:
    options = stix2validator.ValidationOptions(version="2.1", disabled="302")
    for name in ("stix.json", "revealed/stix.json"):
        result = stix2validator.validate_string(written.read(name), options)
        assert result.is_valid and list(result.warnings) == []


@pytest.mark.skipif(chromium() is None, reason="needs Chromium")
def test_the_page_opens_without_an_error_another_host_or_a_barrier_and_fits_the_window(written: Written) -> None:
    address = (written.folder / "report.html").as_uri()
    with browser(address) as (page, outside):
        errors = collect_script_errors(page)
        for width in (1440, 900):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            assert page.get_by_role("img", name="Requests a day").locator("rect").count() > 10
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert (list_barriers(page), errors, outside) == ([], [], [])


def test_who_holds_the_key_and_the_source_tables_sees_accounts_and_values(
    written: Written, made_world: Path, as_of: datetime
) -> None:
    revealed = written.folder / "revealed"
    named = pl.read_csv(revealed / "accounts.csv")
    assert sorted(named["account_id"]) == sorted(written.members)
    assert set(named["account"]) == set(written.table("accounts")["account"])
    values = pl.read_csv(revealed / "shared_keys.csv", schema_overrides={"value": pl.String})
    accounts = pl.read_parquet(made_world / "accounts.parquet").join(named, on="account_id", how="semi")
    shared = accounts["payment_fingerprint"].drop_nulls().value_counts().filter(pl.col("count") >= 5)
    assert set(values.filter(pl.col("kind") == "payment")["value"]) <= set(shared["payment_fingerprint"])
    names = pl.read_parquet(made_world / "requests" / "*.parquet")["model"].unique()
    assert set(written.table("models")["name"]) - {"shown by fewer than 5 accounts each"} <= set(names)
    assert stat.S_IMODE((revealed / "accounts.csv").stat().st_mode) == 0o600
    assert stat.S_IMODE(revealed.stat().st_mode) == 0o700


def of_type(written: Written, kind: str) -> list[dict[str, object]]:
    return [each for each in json.loads(written.read("stix.json"))["objects"] if each["type"] == kind]


def call(stillwatch: Run, workspace: Path, as_of: datetime, out: Path, *more: object, name: str = "campaign_0") -> str:
    result = stillwatch("report", name, "--as-of", as_of.isoformat(), "--out", out, "--workspace", workspace, *more)
    assert result.returncode == 2  # type: ignore[attr-defined]
    lines = [line for line in result.stderr.splitlines() if not line.endswith("…")]  # type: ignore[attr-defined]
    assert len(lines) == 1
    return lines[0]


def test_a_campaign_that_is_not_there_is_one_sentence_and_leaves_nothing(
    written: Written, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    line = call(stillwatch, written.workspace.root, as_of, tmp_path / "out", "--reveal")
    assert "no campaign 'campaign_0' as of 2026-04-17T13:37:21Z" in line and "stillwatch campaigns --as-of" in line
    assert not (tmp_path / "out").exists()
    lines = written.workspace.audit_log.path.read_text(encoding="utf-8").splitlines()
    begun, failed = map(json.loads, lines[-2:])
    assert (begun["event"], begun["details"]["campaign"], failed["event"]) == (
        "reveal begun",
        "campaign_0",
        "reveal failed",
    )


def test_bad_folders_and_options_are_refused_before_any_work(
    filled_workspace: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refusals = {
        tmp_path / "full": "holds something already",
        tmp_path / "full" / "file": "is a file",
        tmp_path / "full" / "file" / "below": "is not a folder",
    }
    for out, words in refusals.items():
        assert words in call(stillwatch, filled_workspace, as_of, out)
    new = tmp_path / "new"
    assert "--accounts goes with --reveal" in call(stillwatch, filled_workspace, as_of, new, "--accounts", "x")
    assert "say how --requests is read" in call(stillwatch, filled_workspace, as_of, new, "--format", "kong")
    assert "--author is blank" in call(stillwatch, filled_workspace, as_of, new, "--author", " ")
    assert "no Parquet file at" in call(stillwatch, filled_workspace, as_of, new, "--requests", tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_another_key_is_refused(written: Written, as_of: datetime, stillwatch: Run, tmp_path: Path) -> None:
    call_line = ("report", "campaign_0", "--as-of", as_of.isoformat(), "--out", tmp_path / "out")
    result = stillwatch(*call_line, "--workspace", written.workspace.root, STILLWATCH_KEY="6b" * 32)
    assert result.returncode == 2 and "was filled under another key" in result.stderr  # type: ignore[attr-defined]
